# SPDX-License-Identifier: Apache-2.0
"""Run a job again from its manifest, and say whether the result is the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

__all__ = ("bisect", "compare", "explain", "plan", "rerun")

if TYPE_CHECKING:
    from .api import bisect, compare, explain, plan, rerun


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'replay' has no attribute {name!r}")
    from . import api

    return getattr(api, name)
