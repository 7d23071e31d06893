# SPDX-License-Identifier: Apache-2.0
"""The captured environment variables."""

from __future__ import annotations

from collections.abc import Mapping

from ..recipe import PREFIX, ImageRecipe
from .base import Step

__all__ = ("EnvironmentStep",)


class EnvironmentStep(Step):
    """Variables, each in quotes in which nothing is expanded."""

    name = "environment"

    def values(self, recipe: ImageRecipe) -> Mapping[str, str]:
        """Return the assignments."""
        path = f"{PREFIX}/bin:/usr/local/bin:/usr/bin:/bin"
        variables = {**recipe.variables, "PATH": path}
        return {"assignments": " \\\n    ".join(f'{name}="{value}"' for name, value in sorted(variables.items()))}
