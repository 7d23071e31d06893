# SPDX-License-Identifier: Apache-2.0
"""The numerics that were in effect: what was asked for explains them, else the node does."""

from __future__ import annotations

from ..facts import Facts
from .base import Raw, Rule, Weight, by_size

__all__ = ("EffectiveRule",)


class EffectiveRule(Rule):
    """Weighs kernels, threads and instruction sets as they were in effect."""

    layers = ("effective_numerics",)

    def weigh(self, raw: Raw, facts: Facts) -> Weight:
        """Weigh one of them."""
        score, evidence = by_size(32, 72, facts)
        if facts.a.numerics != facts.b.numerics:
            return Weight(min(score, 50), (*evidence, "what was asked for differs, too, and may be why"))
        return Weight(score, (*evidence, "nobody asked for it: the node or the libraries decided"))
