# SPDX-License-Identifier: Apache-2.0
"""The captured code that belongs to no distribution."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from ..recipe import CODE, PREFIX, ImageRecipe
from .base import Ingredients, Step

__all__ = ("SourceStep",)


class SourceStep(Step):
    """Each root in a directory of its own, by its number on the search path."""

    name = "source"

    def applies(self, recipe: ImageRecipe) -> bool:
        """Whether there is code to put in."""
        return recipe.code is not None

    def values(self, recipe: ImageRecipe) -> Mapping[str, str]:
        """Return where it goes."""
        return {"folder": CODE, "prefix": PREFIX}

    def write(self, recipe: ImageRecipe, ingredients: Ingredients, folder: Path) -> None:
        """Copy the restored roots."""
        for number, root in enumerate(ingredients.code):
            # A link that leads out of the root would be followed in the image.
            shutil.copytree(root, folder / "source" / str(number), symlinks=True)
