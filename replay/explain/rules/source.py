# SPDX-License-Identifier: Apache-2.0
"""The code of no package: a module that was imported decides results, another file hardly ever."""

from __future__ import annotations

from ..facts import Facts
from .base import Raw, Rule, Weight, by_size

__all__ = ("SourceRule",)


class SourceRule(Rule):
    """Weighs files by whether the job imported them."""

    layers = ("source",)

    def weigh(self, raw: Raw, facts: Facts) -> Weight:
        """Weigh a file, or a root."""
        _, _, path = raw.name.partition("/")
        imported = facts.is_imported(path) if path else None
        if imported is None:
            return by_size(60, 50, facts)
        if not imported:
            what = "no module that the job imported" if path.endswith(".py") else "no Python code"
            return Weight(12, (what,))
        score, evidence = by_size(78, 60, facts)
        return Weight(score, (*evidence, "the job imported it"))
