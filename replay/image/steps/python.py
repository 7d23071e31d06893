# SPDX-License-Identifier: Apache-2.0
"""The captured distributions, installed from their wheels by pip, which runs from a wheel itself."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ...wheels.gathering import PIP
from ..recipe import PREFIX, ImageRecipe
from .base import Ingredients, Step

__all__ = ("PythonStep",)


class PythonStep(Step):
    """The distributions that pip, uv and the like brought."""

    name = "python"

    def applies(self, recipe: ImageRecipe) -> bool:
        """Whether there are any."""
        return bool(recipe.distributions)

    def values(self, recipe: ImageRecipe) -> Mapping[str, str]:
        """Return how many there are, and where they go."""
        return {
            "count": str(len(recipe.distributions)),
            "pip": f"{PIP[0]}-{PIP[1]}-py3-none-any.whl",
            "prefix": PREFIX,
        }

    def write(self, recipe: ImageRecipe, ingredients: Ingredients, folder: Path) -> None:
        """Write the wheels and their hashes."""
        wheels = folder / "wheels"
        wheels.mkdir()
        for wheel in (*ingredients.wheels, ingredients.pip):
            ingredients.wheelhouse.export(wheel, wheels)
        lines = [f"{one.name}=={one.version} --hash={one.digest}\n" for one in ingredients.wheels]
        (wheels / "requirements.txt").write_text("".join(sorted(lines)), encoding="utf-8")
