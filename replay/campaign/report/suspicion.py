# SPDX-License-Identifier: Apache-2.0
"""Suspects of a whole campaign: what many quanta that differ have in common."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ...comparators.policy import Verdict
from .documents import suspects_in
from .ranking import Ranked

__all__ = ("Accused", "suspects_of")

_EVIDENCE = 6


@dataclass
class Accused:
    """Something that is not the same in the originals and their re-runs.

    Attributes
    ----------
    layer, name, before, after : `str`
        As `replay.explain.suspect.Suspect`.
    different : `int`
        How many quanta differ of which it is the likeliest suspect.
    likeliest : `int`
        Of how many quanta it is the likeliest suspect.
    found : `list` of `Ranked`
        The quanta of which it is one, the worst first.
    tasks : `collections.Counter`
        How many of these each task has.
    lines : `collections.Counter`
        What speaks for or against it, and for how many quanta.
    """

    layer: str
    name: str
    before: str
    after: str
    different: int = 0
    likeliest: int = 0
    found: list[Ranked] = field(default_factory=list)
    tasks: Counter[str] = field(default_factory=Counter)
    lines: Counter[str] = field(default_factory=Counter)

    @property
    def title(self) -> str:
        """Its layer and name in one line."""
        return f"{self.layer}: {self.name}" if self.name else self.layer

    @property
    def evidence(self) -> Sequence[tuple[str, int]]:
        """The lines that are said most often, and how often."""
        return sorted(self.lines.items(), key=lambda pair: (-pair[1], pair[0]))[:_EVIDENCE]


def suspects_of(ranked: Iterable[Ranked]) -> list[Accused]:
    """Return what may have made quanta differ; what is the likeliest suspect of most that differ comes first."""
    accused: dict[tuple[str, str, str, str], Accused] = {}
    for one in ranked:
        for number, suspect in enumerate(suspects_in(one.entry)):
            key = suspect.layer, suspect.name, suspect.before, suspect.after
            found = accused.setdefault(key, Accused(*key))
            found.likeliest += number == 0
            found.different += number == 0 and one.verdict is Verdict.DIFFERENT
            found.found.append(one)
            found.tasks[one.entry.task] += 1
            found.lines.update(set(suspect.evidence))
    return sorted(accused.values(), key=lambda one: (-one.different, -one.likeliest, -len(one.found), one.title))
