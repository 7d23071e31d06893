# SPDX-License-Identifier: Apache-2.0
"""Packages of the operating system that the base lacks, or has in other versions."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ..recipe import ImageRecipe
from .base import Ingredients, Step

__all__ = ("DebsStep",)


class DebsStep(Step):
    """Debian packages from their files."""

    name = "debs"

    def applies(self, recipe: ImageRecipe) -> bool:
        """Whether the base lacks any."""
        return bool(recipe.debs)

    def values(self, recipe: ImageRecipe) -> Mapping[str, str]:
        """Return how many there are, and which."""
        return {"count": str(len(recipe.debs)), "names": ", ".join(one.title for one in recipe.debs)}

    def write(self, recipe: ImageRecipe, ingredients: Ingredients, folder: Path) -> None:
        """Write the packages."""
        debs = folder / "debs"
        debs.mkdir()
        for one, digest in ingredients.debs.items():
            ingredients.kept_debs.export(digest, debs / one.file_name)
