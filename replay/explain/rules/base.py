# SPDX-License-Identifier: Apache-2.0
"""What a rule is: it says how likely a difference of one layer is the cause, and why.

Scores are for ranking. As a scale: 90, nothing else could be it; 70, it decides results, and the job uses it; 40, it
may decide results, and whether the job uses it isn't known; 10, it hardly ever does; 5, the job did not use it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, NamedTuple

from ..facts import Facts, Size

__all__ = ("Raw", "Rule", "Weight", "by_size")


class Raw(NamedTuple):
    """A difference, before it is weighed."""

    layer: str
    name: str
    before: str
    after: str


class Weight(NamedTuple):
    """How likely a difference is the cause, and what speaks for or against it, a line each."""

    score: int
    evidence: Sequence[str]


class Rule(ABC):
    """Weighs the differences of some layers.

    Attributes
    ----------
    layers : `tuple` of `str`
    """

    layers: ClassVar[tuple[str, ...]]

    @abstractmethod
    def weigh(self, raw: Raw, facts: Facts) -> Weight:
        """Weigh one difference."""


def by_size(score: int, round_off: int, facts: Facts) -> Weight:
    """Return one score where only last digits differ, and another elsewhere.

    Parameters
    ----------
    score, round_off : `int`
    facts : `Facts`
    """
    if facts.size is Size.UNKNOWN:
        return Weight(max(score, round_off), ())
    return Weight(round_off if facts.size is Size.ROUND_OFF else score, (f"the outputs differ: {facts.size}",))
