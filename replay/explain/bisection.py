# SPDX-License-Identifier: Apache-2.0
"""Which changes turn the outputs of one job into those of another: found by trying, and proved."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from envcap import html
from envcap.digest import digest_of_file
from envcap.printable import printable

from ..comparators.files import compare_files
from ..comparators.policies import Policies
from ..comparators.policy import Verdict
from ..jobs.base import CapturedJob
from .changes.base import Change
from .delta import minimise
from .pairs import as_captured, output_pairs, type_of
from .telling import told
from .trial import Outcome, Trial
from .trials import Trials

__all__ = ("Bisection", "Finding", "bisect")

_REPEATS = 3
"""How often the first job is re-run before anything is believed of it."""
_ALONE = 5
"""How many of the likeliest changes are tried alone before the others are halved."""


class Finding(StrEnum):
    """How a bisection ended."""

    CAUSE = "cause"
    """The least set of changes that turns A's outputs into B's."""
    ALIKE = "alike"
    """With all changes, the outputs are still as A's: what makes the difference is nothing that a replay can change."""
    UNSTABLE = "unstable"
    """A, re-run several times, does not make the same outputs: no deterministic cause exists."""
    NOTHING = "nothing to change"
    """Nothing that a replay can change differs between the two."""


@dataclass(frozen=True, repr=False)
class Bisection:
    """What came of a bisection.

    Attributes
    ----------
    finding : `Finding`
    cause : sequence of `Change`
        The least set: each is needed, and together they do it.
    others : `str`
        What the outputs are like with all other changes, and without these; empty if that wasn't tried.
    notes : sequence of `str`
        What limits the proof, a line each.
    changes : sequence of `Change`
        All that differ, and could be tried.
    trials : sequence of `Trial`
        As they were needed, the references first.
    """

    finding: Finding
    cause: Sequence[Change]
    others: str
    notes: Sequence[str]
    changes: Sequence[Change]
    trials: Sequence[Trial]

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "finding": str(self.finding),
            "cause": [change.to_json() for change in self.cause],
            "others": self.others,
            "notes": list(self.notes),
            "changes": [change.to_json() for change in self.changes],
            "trials": [trial.to_json() for trial in self.trials],
        }

    def lines(self) -> Iterator[str]:
        """Yield what a person should know of it."""
        tried = f"{len(self.trials)} re-runs, {len(self.changes)} changes"
        match self.finding:
            case Finding.CAUSE:
                alone = len(self.cause) == 1
                yield f"{'this alone turns' if alone else 'these together turn'} A's outputs into B's ({tried}):"
                yield from (f"  {change.title}: {change.before} → {change.after}" for change in self.cause)
                if self.others:
                    yield f"with all other changes and without {'it' if alone else 'them'}: {self.others}"
            case Finding.UNSTABLE:
                yield f"no deterministic cause exists: A does not make the same outputs twice ({tried})"
            case Finding.ALIKE:
                told = "with all changes, the outputs are as A's"
                yield f"nothing that can be tried makes the difference: {told} ({tried})"
            case Finding.NOTHING:
                yield "nothing that a replay can change differs between the two"
        yield from (f"note: {note}" for note in self.notes)

    def __repr__(self) -> str:
        causes = ": " + ", ".join(change.title for change in self.cause) if self.cause else ""
        return printable(f"<bisection of {len(self.changes)} changes: {self.finding}{causes}>", "")

    def _repr_html_(self) -> str:
        trials = [(told(one, self.changes), html.Badge(one.outcome), one.reason) for one in self.trials]
        return html.page(
            "bisection",
            *map(html.message, self.lines()),
            html.folded(f"{len(trials)} re-runs", html.table(("changed in A", "outputs", ""), trials)),
            badge=str(self.finding),
        )


def bisect(trials: Trials, likeliest: Sequence[int], policy: Policies) -> Bisection:
    """Find the least set of changes that turns the outputs of the first job into those of the second.

    Parameters
    ----------
    trials : `Trials`
    likeliest : sequence of `int`
        Numbers of changes, the likeliest cause first.
    policy : `Policies`
        What the re-runs of the two are held against their originals by.

    Raises
    ------
    EnvcapError
        If one of the two can't be re-run.
    """
    return _Search(trials, likeliest, policy).run()


class _Search:
    def __init__(self, trials: Trials, likeliest: Sequence[int], policy: Policies) -> None:
        self._trials = trials
        self._changes = trials.changes
        self._likeliest = likeliest
        self._policy = policy
        self._all = range(len(trials.changes))
        self._used: dict[str, Trial] = {}
        self._wanted = Outcome.B
        self._notes: list[str] = []

    def run(self) -> Bisection:
        if not self._changes:
            return self._ended(Finding.NOTHING)
        self._use(self._trials.reference("a", ()))
        repeats = [self._use(self._trials.again("a", number, ())) for number in range(2, _REPEATS + 1)]
        self._notes += _against_original("A", self._trials, "a", self._trials.a, self._policy)
        if any(trial.outcome is not Outcome.A for trial in repeats):
            self._notes += [f"a re-run of A failed: {one.reason}" for one in repeats if one.outcome is Outcome.FAILED]
            return self._ended(Finding.UNSTABLE)
        self._use(self._trials.reference("b", self._all))
        self._notes += _against_original("B", self._trials, "b", self._trials.b, self._policy.for_new_run())
        again = self._use(self._trials.again("b", 2, self._all))
        if again.outcome is Outcome.A:
            return self._ended(Finding.ALIKE)
        if again.outcome is not Outcome.B:
            self._wanted = Outcome.NEITHER
            self._notes.append("B does not make the same outputs twice: the cause is what makes them unlike A's")
        cause = self._least()
        rest = [number for number in self._all if number not in cause]
        others = self._use(self._trials.tried(rest)).outcome if rest else ""
        return self._ended(Finding.CAUSE, cause, str(others))

    def _least(self) -> list[int]:
        """Return the least set: first which layers, then which changes in them, then whether each is needed."""
        alone = next((number for number in self._likeliest[:_ALONE] if self._has_effect([number])), None)
        if alone is not None:
            return [alone]
        layers = list(dict.fromkeys(change.layer for change in self._changes))
        chosen = minimise(layers, lambda some: self._has_effect(self._of(some)))
        return minimise(self._of(chosen), self._has_effect)

    def _of(self, layers: Collection[str]) -> list[int]:
        return [number for number in self._all if self._changes[number].layer in layers]

    def _has_effect(self, chosen: Sequence[int]) -> bool:
        if len(chosen) == len(self._changes):
            return True
        outcome = self._use(self._trials.tried(chosen)).outcome
        # Outputs that change from run to run are as nothing else.
        return outcome is self._wanted or (self._wanted is Outcome.NEITHER and outcome is Outcome.B)

    def _use(self, trial: Trial) -> Trial:
        self._used[trial.key] = trial
        return trial

    def _ended(self, finding: Finding, cause: Sequence[int] = (), others: str = "") -> Bisection:
        found = [self._changes[number] for number in cause]
        return Bisection(finding, found, others, self._notes, self._changes, list(self._used.values()))


def _against_original(name: str, trials: Trials, reference: str, job: CapturedJob, policy: Policies) -> Iterator[str]:
    """Yield what a reader must know if a re-run isn't what the job left."""
    for output, path in output_pairs(trials.a, job, trials.kept(reference)):
        what, digest = type_of(output), digest_of_file(path)[0]
        if digest == output.file.digest:
            continue
        original = as_captured(output)
        if original is None:
            yield f"the re-run of {name} makes other bytes than its {what} had, and that is not there to compare with"
        elif compare_files(original, Path(path), policy.for_dataset(what)).verdict is Verdict.DIFFERENT:
            yield f"the re-run of {name} does not make the {what} that {name} left: something else differs, too"
