# SPDX-License-Identifier: Apache-2.0
"""Counts of a campaign: by task and verdict, and whether it passes a gate."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any

from envcap.errors import UsageError

from ..comparators.policy import Verdict
from .campaign import Campaign
from .entry import Entry

__all__ = ("Tally", "gate_line", "percentage")

VERDICTS: Sequence[str] = [str(verdict) for verdict in Verdict]


class Tally:
    """Counts of what was judged.

    Attributes
    ----------
    counts : `Counter`
        By task and verdict.
    errors : `Counter`
        Of those without a verdict, by error type.
    left : `Counter`
        Quanta that are not judged yet, by task.

    Parameters
    ----------
    campaign : `Campaign`
    entries : iterable of `Entry`
    """

    def __init__(self, campaign: Campaign, entries: Iterable[Entry]) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()
        self.errors: Counter[str] = Counter()
        self.left: Counter[str] = Counter(one.task for one in campaign.definition.quanta)
        self.planned = campaign.planned
        self.seconds = 0.0
        for entry in entries:
            self.add(entry)

    def add(self, entry: Entry) -> None:
        """Count an entry."""
        self.counts[entry.task, entry.verdict] += 1
        self.left[entry.task] -= 1
        self.seconds += float(entry.seconds)
        if entry.error_type:
            self.errors[entry.error_type] += 1

    @property
    def judged(self) -> int:
        """How many have an entry."""
        return sum(self.counts.values())

    @property
    def unjudged(self) -> int:
        """How many are left."""
        return self.planned - self.judged

    def verdicts(self, task: str | None = None) -> dict[str, int]:
        """Return the counts by verdict, of one task or of all."""
        found = Counter[str]()
        for (label, verdict), count in self.counts.items():
            if task in (None, label):
                found[verdict] += count
        return {verdict: found[verdict] for verdict in VERDICTS}

    def at_least(self, verdict: str) -> int:
        """Return how many have this verdict or a better one."""
        good = VERDICTS[: VERDICTS.index(verdict) + 1]
        return sum(count for (_, found), count in self.counts.items() if found in good)

    def to_json(self) -> dict[str, Any]:
        """Return the counts as JSON."""
        return {
            "planned": self.planned,
            "judged": self.judged,
            "left": self.unjudged,
            "verdicts": self.verdicts(),
            "tasks": {task: {**self.verdicts(task), "left": left} for task, left in sorted(self.left.items())},
            "errors": dict(sorted(self.errors.items())),
            "seconds": f"{self.seconds:.3f}",
        }


def percentage(text: str) -> Fraction:
    """Return a share of one from ``99%`` or ``99.5``, both in percent.

    Raises
    ------
    UsageError
        If it is none between 0 and 100.
    """
    try:
        found = Fraction(text.strip().removesuffix("%").strip())
    except (ValueError, ZeroDivisionError):
        found = Fraction(-1)
    if not 0 <= found <= 100 or "/" in text:
        raise UsageError(f"--min {text}: expected a percentage, such as 99% or 99.5%")
    return found / 100


def gate_line(tally: Tally, minimum: Fraction, verdict: str) -> tuple[bool, str]:
    """Return whether a campaign passes a gate, and why or why not, in one line.

    Parameters
    ----------
    tally : `Tally`
    minimum : `fractions.Fraction`
        The share that must be good.
    verdict : `str`
        The worst verdict that is.
    """
    if tally.judged == 0:
        return False, "nothing was judged yet"
    if tally.unjudged > 0:
        return False, f"{tally.unjudged} of {tally.planned} quanta are not judged yet"
    good = tally.at_least(verdict)
    told = f"{good} of {tally.planned} quanta ({_percent(good, tally.planned)} %) are {verdict} or better"
    wanted = f"{float(minimum * 100):.6g} % must be"
    return good >= minimum * tally.planned, f"{told}; {wanted}"


def _percent(part: int, whole: int) -> str:
    """Return a percentage that is not rounded up: 100 is said of all only."""
    return f"{part * 10000 // whole / 100:.2f}"
