# SPDX-License-Identifier: Apache-2.0
"""The captured conda prefix."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ...conda.prefix import make_prefix
from ..recipe import PREFIX, ImageRecipe
from .base import Ingredients, Step

__all__ = ("CondaStep",)


class CondaStep(Step):
    """The prefix, made beside the Dockerfile for the place where it will stand."""

    name = "conda"

    def applies(self, recipe: ImageRecipe) -> bool:
        """Whether the job's interpreter was conda's."""
        return bool(recipe.conda)

    def values(self, recipe: ImageRecipe) -> Mapping[str, str]:
        """Return how many packages there are, and where they go."""
        return {"count": str(len(recipe.conda)), "prefix": PREFIX}

    def write(self, recipe: ImageRecipe, ingredients: Ingredients, folder: Path) -> None:
        """Make the prefix."""
        make_prefix(ingredients.packages, ingredients.conda, folder / "conda", stands_at=PREFIX)
