# SPDX-License-Identifier: Apache-2.0
"""Says on stderr what a trial came to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from envcap.cli.console import console
from envcap.printable import printable

from .changes.base import Change
from .trial import Outcome, Trial

__all__ = ("silent", "teller", "told")


def teller() -> Callable[[Trial, Sequence[Change]], None]:
    """Return what says on stderr what a trial came to."""
    out = console()
    count = 0

    def say(trial: Trial, changes: Sequence[Change]) -> None:
        nonlocal count
        count += 1
        outcome = "kept to compare with" if trial.outcome is Outcome.REFERENCE else str(trial.outcome)
        reason = f": {trial.reason}" if trial.reason else ""
        line = f"  {count}  {told(trial, changes)}: {outcome}{reason}  {float(trial.seconds):.1f} s"
        out.print(printable(line), markup=False)

    return say


def silent(trial: Trial, changes: Sequence[Change]) -> None:
    """Say nothing."""


def told(trial: Trial, changes: Sequence[Change]) -> str:
    """Return what is changed in a trial: one change by its name, many by how many of a layer there are."""
    whole = {0: "A as it was", len(changes): "A with all changes"}
    if found := whole.get(len(trial.changes)):
        return found
    chosen = [changes[number] for number in trial.changes]
    if len(chosen) == 1:
        return chosen[0].title
    return ", ".join(f"{count} of {layer}" for layer, count in Counter(change.layer for change in chosen).items())
