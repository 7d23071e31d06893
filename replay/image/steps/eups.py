# SPDX-License-Identifier: Apache-2.0
"""What EUPS had made of the environment."""

from __future__ import annotations

from collections.abc import Mapping

from ..recipe import ImageRecipe
from .base import Step

__all__ = ("EupsStep",)


class EupsStep(Step):
    """Variables that name products, which are mounted: EUPS knows them by version, and nobody by content."""

    name = "eups"

    def applies(self, recipe: ImageRecipe) -> bool:
        """Whether the job had products set up."""
        return bool(recipe.eups)

    def values(self, recipe: ImageRecipe) -> Mapping[str, str]:
        """Return the assignments, and which directories they want."""
        shown = {name: f"{value}:$PATH" if name == "PATH" else value for name, value in recipe.eups.items()}
        return {
            "count": str(len(recipe.products)),
            "folders": " ".join(recipe.products),
            "assignments": " \\\n    ".join(f'{name}="{value}"' for name, value in sorted(shown.items())),
        }
