# SPDX-License-Identifier: Apache-2.0
"""A virtual environment on the base's own Python."""

from __future__ import annotations

from collections.abc import Mapping

from ..recipe import PREFIX, ImageRecipe
from .base import Step

__all__ = ("VenvStep",)


class VenvStep(Step):
    """An environment without pip."""

    name = "venv"

    def applies(self, recipe: ImageRecipe) -> bool:
        """Whether the job's interpreter was no conda's."""
        return not recipe.conda

    def values(self, recipe: ImageRecipe) -> Mapping[str, str]:
        """Return the version of Python, and where the environment goes."""
        return {"minor": recipe.minor, "prefix": PREFIX}
