# SPDX-License-Identifier: Apache-2.0
"""What no record tells: chance and time. The code shows where it asks for them."""

from __future__ import annotations

from ..facts import Facts
from .base import Raw, Rule, Weight

__all__ = ("NOT_ON_RECORD", "UnrecordedRule")

_LAYER = "unrecorded"
NOT_ON_RECORD = tuple(Raw(_LAYER, name, "", "") for name in ("chance", "time"))
"""What may differ between any two jobs."""
_SHOWN = 3


class UnrecordedRule(Rule):
    """Weighs chance and time by what the code calls."""

    layers = (_LAYER,)

    def weigh(self, raw: Raw, facts: Facts) -> Weight:
        """Weigh ``chance`` or ``time``."""
        calls = facts.code.chance if raw.name == "chance" else facts.code.clocks
        told = [f"the code asks for it: {mention}" for mention in calls[:_SHOWN]]
        keys = [one.attempt.result.content_key if one.attempt.result else None for one in (facts.a, facts.b)]
        if keys[0] is not None and keys[0] == keys[1]:
            told = ["the recipe and the content of all inputs are the same, and yet the outputs differ", *told]
            return Weight((92 if calls else 88) - (raw.name == "time"), told)
        if not calls:
            return Weight(3, ("no call of the job's code is known to depend on it",))
        return Weight(52 if raw.name == "chance" else 32, told)
