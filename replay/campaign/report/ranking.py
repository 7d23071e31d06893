# SPDX-License-Identifier: Apache-2.0
"""Which quanta came out worst, and what is worst in each."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from ...comparators.difference import Kind
from ...comparators.policy import Verdict
from ...comparators.tolerance import Frontier
from ...explain.suspect import Suspect
from ..entry import Entry
from .documents import Measured, Output, extra_outputs, outputs_of, suspects_in, verdict_of

__all__ = ("WORST_FIRST", "Ranked", "Severity", "worst_first")

WORST_FIRST = (Verdict.DIFFERENT, Verdict.FAILED, Verdict.EQUIVALENT, Verdict.EQUAL, Verdict.IDENTICAL)
"""A difference comes before a failure: it is what a campaign looks for."""
_WORDS = frozenset({Kind.CARD, Kind.METADATA})


class Severity(NamedTuple):
    """How bad a difference is; the larger, the worse. Absolute differences can't be ranked: each has its own unit."""

    form: int
    """2 for what no tolerance could cover (shapes, types, NaN, missing things), 1 for values, 0 for headers."""
    relative: float
    """The largest absolute difference over the value that it is found at. Each value's own relative difference would
    say little: it is large wherever a value is next to zero."""
    share: float
    """Of the values that differ."""


@dataclass(frozen=True)
class Ranked:
    """An entry, and what is worst in it.

    Attributes
    ----------
    entry : `Entry`
    verdict : `Verdict`
    """

    entry: Entry
    verdict: Verdict

    @cached_property
    def outputs(self) -> Sequence[Output]:
        """What was compared."""
        return outputs_of(self.entry)

    @cached_property
    def leaves(self) -> Sequence[tuple[Output, Measured]]:
        """What the policy did not excuse, or only by a tolerance, the worst first."""
        found = [(output, leaf) for output in self.outputs for leaf in (*output.significant, *output.tolerated)]
        return sorted(found, key=lambda pair: _severity(pair[1]), reverse=True)

    @property
    def suspects(self) -> Sequence[Suspect]:
        """What may have made it differ, the likeliest first."""
        return suspects_in(self.entry)

    @cached_property
    def severity(self) -> Severity:
        """How bad its worst difference is."""
        if extra_outputs(self.entry):
            return Severity(2, 0.0, 1.0)
        return _severity(self.leaves[0][1]) if self.leaves else Severity(0, 0.0, 0.0)

    @property
    def summary(self) -> str:
        """Its worst difference, or why there is no verdict, in one line."""
        if self.entry.error:
            return self.entry.error
        if self.leaves:
            output, leaf = self.leaves[0]
            return f"{output.dataset_type} / {leaf}"
        if extra := extra_outputs(self.entry):
            return f"the re-run made {extra[0]}, which the job did not make"
        if self.verdict is Verdict.FAILED and not self.outputs:
            return "the re-run left nothing that could be compared"
        notes = [output.note for output in self.outputs if output.note]
        excused = dict.fromkeys(leaf.path[-1] for output in self.outputs for leaf in output.volatile if leaf.path)
        return notes[0] if notes else f"only what may differ: {', '.join(excused)}" if excused else ""

    @property
    def relative(self) -> float | None:
        """The largest relative difference of its outputs (see `Severity`); `None` if there is none that is finite."""
        found = (_relative(leaf) for _, leaf in self.leaves)
        return max((one for one in found if one is not None and math.isfinite(one)), default=None)

    @property
    def absolute(self) -> float | None:
        """The largest absolute difference, each in its own unit; `None` if there is none."""
        found = (leaf.figure("max_abs") for _, leaf in self.leaves)
        return max((one for one in found if one is not None), default=None)


def worst_first(entries: Iterable[Entry]) -> list[Ranked]:
    """Return entries that aren't identical, the worst first; those alike in the order that they came in."""
    by_verdict: dict[Verdict, list[Ranked]] = {verdict: [] for verdict in WORST_FIRST}
    for entry in entries:
        verdict = verdict_of(entry)
        by_verdict[verdict].append(Ranked(entry, verdict))
    for verdict in (Verdict.DIFFERENT, Verdict.EQUIVALENT):
        by_verdict[verdict].sort(key=lambda one: one.severity, reverse=True)
    return [one for verdict in WORST_FIRST[:-1] for one in by_verdict[verdict]]


def _severity(leaf: Measured) -> Severity:
    form = 0 if leaf.kind in _WORDS else 1 if leaf.kind == Kind.VALUE else 2
    count, total = leaf.figure("count"), leaf.figure("total")
    return Severity(form, _relative(leaf) or 0.0, count / total if count is not None and total else 0.0)


def _relative(leaf: Measured) -> float | None:
    try:
        found = Frontier.parse(str(leaf.measures.get("frontier", ""))).at_largest
    except (ValueError, ArithmeticError):
        return None
    return None if found is None or math.isnan(found) else found
