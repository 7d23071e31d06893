# SPDX-License-Identifier: Apache-2.0
"""A cause that is injected, and how the tools are judged by it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from replay.explain.bisection import Bisection
from replay.explain.changes.base import Change
from replay.explain.suspect import Suspect

__all__ = ("Cause", "Named", "Score")


_SHOWN = 60


class Named(Protocol):
    """A suspect, or a change."""

    @property
    def layer(self) -> str:
        """Where it is."""

    @property
    def name(self) -> str:
        """What it is."""


@dataclass(frozen=True)
class Cause:
    """One cause.

    Attributes
    ----------
    name : `str`
    layer, pattern : `str`
        The suspect that it has to be: its layer, and a regular expression for its name.
    run : callable
        Takes a folder; runs the job twice there, as it was and with the cause among other changes, and returns the
        two attempts.
    is_deterministic : `bool`
        Whether there is a change that alone makes the difference.
    """

    name: str
    layer: str
    pattern: str
    run: Callable[[str], tuple[str, str]]
    is_deterministic: bool = True

    def is_it(self, one: Named) -> bool:
        """Whether a suspect, or a change, is this cause."""
        return one.layer == self.layer and re.fullmatch(self.pattern, one.name) is not None


@dataclass(frozen=True)
class Score:
    """What the tools made of one cause.

    Attributes
    ----------
    cause : `Cause`
    others : `int`
        How many differences on record are not the cause.
    rank : `int` or `None`
        Its place among the suspects, from 1; `None` if it isn't on record.
    first : `str`
        The likeliest suspect.
    proved : sequence of `Change`
        What bisecting found.
    finding : `str`
        How bisecting ended.
    trials : `int`
    seconds : `float`
        What bisecting took.
    """

    cause: Cause
    others: int
    rank: int | None
    first: str
    proved: Sequence[Change] = ()
    finding: str = ""
    trials: int = 0
    seconds: float = 0.0

    @classmethod
    def of(cls, cause: Cause, suspects: Sequence[Suspect]) -> Score:
        """Return the score as far as the suspects go. What is never on record, chance and time, is no other change."""
        ranks = [number for number, one in enumerate(suspects, 1) if cause.is_it(one)]
        others = sum(not cause.is_it(one) and one.layer != "unrecorded" for one in suspects)
        return cls(cause, others, ranks[0] if ranks else None, suspects[0].title if suspects else "")

    def bisected(self, found: Bisection, seconds: float) -> Score:
        """Return the score with what bisecting found."""
        return replace(self, proved=found.cause, finding=str(found.finding), trials=len(found.trials), seconds=seconds)

    def refused(self, why: str, seconds: float) -> Score:
        """Return the score where bisecting was not possible."""
        return replace(self, finding=f"refused: {why[:_SHOWN]}", seconds=seconds)

    @property
    def is_proved(self) -> bool:
        """Whether bisecting named the cause and nothing else; of what has none, that there is none."""
        if not self.cause.is_deterministic:
            return self.finding in ("unstable", "nothing to change") and not self.proved
        return len(self.proved) == 1 and self.cause.is_it(self.proved[0])
