# SPDX-License-Identifier: Apache-2.0
"""A campaign in figures: by verdict, by task, by suspect, by layer, by kind of failure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal

from ...comparators.policy import Verdict
from ...fidelity import Fidelity
from .data import ReportData
from .documents import layers_of, seconds_of, verdict_of
from .ranking import WORST_FIRST, Ranked, worst_first

__all__ = ("Failure", "LayerRow", "Summary", "TaskRow", "percentage", "summarize")

_FIDELITIES = tuple(map(str, Fidelity))
_DETAILS = 3


@dataclass(frozen=True)
class TaskRow:
    """A task.

    Attributes
    ----------
    label : `str`
    counts : mapping
        How many of its quanta have a verdict.
    waiting : `int`
        How many have none yet.
    worst : sequence of `Ranked`
        Its quanta that aren't identical, the worst first.
    seconds : sequence of `float`
        Of each quantum that was judged.
    """

    label: str
    counts: Mapping[Verdict, int]
    waiting: int
    worst: Sequence[Ranked]
    seconds: Sequence[float]

    @property
    def planned(self) -> int:
        """How many quanta it has."""
        return sum(self.counts.values()) + self.waiting


@dataclass(frozen=True)
class LayerRow:
    """How close replays came to the originals in one layer.

    Attributes
    ----------
    name : `str`
    counts : mapping
        How many replays have a fidelity.
    details : sequence of pairs of `str` and `int`
        What the less faithful say of themselves most often, and how often.
    """

    name: str
    counts: Mapping[str, int]
    details: Sequence[tuple[str, int]]


@dataclass(frozen=True)
class Failure:
    """A way to fail.

    Attributes
    ----------
    error_type : `str`
    messages : sequence of pairs of `str` and `int`
        The most frequent, and how often.
    found : sequence of `Ranked`
    """

    error_type: str
    messages: Sequence[tuple[str, int]]
    found: Sequence[Ranked]


@dataclass(frozen=True)
class Summary:
    """All that a report says in figures.

    Attributes
    ----------
    counts : mapping
        How many quanta have a verdict.
    waiting : `int`
    tasks : sequence of `TaskRow`
        The one with most quanta that differ first.
    ranked : sequence of `Ranked`
        All quanta that aren't identical, the worst first.
    layers : sequence of `LayerRow`
        The least faithful first.
    fidelity : mapping
        How many re-runs have a fidelity, which is that of their least faithful layer.
    failures : sequence of `Failure`
        The most frequent first.
    """

    counts: Mapping[Verdict, int]
    waiting: int
    tasks: Sequence[TaskRow]
    ranked: Sequence[Ranked]
    layers: Sequence[LayerRow]
    fidelity: Mapping[str, int]
    failures: Sequence[Failure]

    @property
    def judged(self) -> int:
        """How many quanta have a verdict."""
        return sum(self.counts.values())

    def passed(self, verdict: Verdict) -> int:
        """Return how many quanta have a verdict or a better one."""
        accepted = list(Verdict)[: list(Verdict).index(verdict) + 1]
        return sum(self.counts[one] for one in accepted)


def summarize(data: ReportData) -> Summary:
    """Return a campaign in figures."""
    ranked = worst_first(data.entries)
    counts = Counter(map(verdict_of, data.entries))
    reached = Counter(entry.fidelity for entry in data.entries)
    return Summary(
        {verdict: counts[verdict] for verdict in Verdict},
        len(data.waiting),
        _tasks(data, ranked),
        ranked,
        _layers(data),
        {one: reached[one] for one in _FIDELITIES},
        _failures(ranked),
    )


def percentage(part: int, whole: int) -> str:
    """Return a share in per cent, never rounded up: what isn't all must not look like it."""
    if not whole:
        return "0 %"
    return f"{(Decimal(100 * part) / whole).quantize(Decimal('0.01'), ROUND_DOWN).normalize():f} %"


def _tasks(data: ReportData, ranked: Iterable[Ranked]) -> list[TaskRow]:
    counts: dict[str, Counter[Verdict]] = defaultdict(Counter)
    seconds: dict[str, list[float]] = defaultdict(list)
    worst: dict[str, list[Ranked]] = defaultdict(list)
    waiting = Counter(one.task for one in data.waiting)
    for entry in data.entries:
        counts[entry.task][verdict_of(entry)] += 1
        seconds[entry.task].append(seconds_of(entry))
    for one in ranked:
        worst[one.entry.task].append(one)
    rows = [
        TaskRow(
            label,
            {verdict: counts[label][verdict] for verdict in Verdict},
            waiting[label],
            worst[label],
            seconds[label],
        )
        for label in sorted({*counts, *waiting})
    ]
    return sorted(rows, key=lambda row: [-row.counts[verdict] for verdict in WORST_FIRST[:-1]])


def _layers(data: ReportData) -> list[LayerRow]:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    details: dict[str, Counter[str]] = defaultdict(Counter)
    for entry in data.entries:
        for name, fidelity, detail in layers_of(entry):
            known = fidelity if fidelity in _FIDELITIES else str(Fidelity.IMPOSSIBLE)
            counts[name][known] += 1
            if known in (str(Fidelity.SUBSTITUTED), str(Fidelity.IMPOSSIBLE)):
                details[name][detail] += 1
    rows = [
        LayerRow(name, {one: found[one] for one in _FIDELITIES}, details[name].most_common(_DETAILS))
        for name, found in sorted(counts.items())
    ]
    return sorted(rows, key=lambda row: [-row.counts[one] for one in reversed(_FIDELITIES[1:])])


def _failures(ranked: Iterable[Ranked]) -> list[Failure]:
    found: dict[str, list[Ranked]] = defaultdict(list)
    for one in ranked:
        if one.verdict is Verdict.FAILED:
            found[one.entry.error_type or "failed"].append(one)
    rows = [
        Failure(kind, Counter(one.summary or "no reason is known" for one in those).most_common(_DETAILS), those)
        for kind, those in sorted(found.items())
    ]
    return sorted(rows, key=lambda row: -len(row.found))
