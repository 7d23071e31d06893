# SPDX-License-Identifier: Apache-2.0
"""The Dockerfile of a recipe, and the directory that it is built in."""

from __future__ import annotations

from pathlib import Path

from .recipe import ImageRecipe
from .steps.base import Ingredients
from .steps.registry import STEPS

__all__ = ("dockerfile", "write_context")


def dockerfile(recipe: ImageRecipe) -> str:
    """Return the text of a recipe's Dockerfile."""
    return "".join(step.text(recipe) for step in STEPS if step.applies(recipe))


def write_context(recipe: ImageRecipe, ingredients: Ingredients, folder: Path) -> None:
    """Write a Dockerfile and all that it copies into an empty directory."""
    (folder / "Dockerfile").write_text(dockerfile(recipe), encoding="utf-8")
    for step in STEPS:
        if step.applies(recipe):
            step.write(recipe, ingredients, folder)
