# SPDX-License-Identifier: Apache-2.0
"""Byte code of all that was installed."""

from __future__ import annotations

from collections.abc import Mapping

from ..recipe import PREFIX, ImageRecipe
from .base import Step

__all__ = ("BytecodeStep",)


class BytecodeStep(Step):
    """Compiled once: at every start there would be nowhere to keep it."""

    name = "bytecode"

    def values(self, recipe: ImageRecipe) -> Mapping[str, str]:
        """Return what is compiled."""
        return {"prefix": PREFIX}
