# SPDX-License-Identifier: Apache-2.0
"""Find the smallest set of changes that turns the outputs of one job into those of another, by trying.

Hybrids are re-run: the first job with some of what is different in the second. What was tried is logged, so a bisection
that was interrupted goes on where it was. The exit status is 0 if the cause was found and proved, 1 if there is none
that can be tried, 3 if one of the two can't be re-run.

Examples
--------
  replay bisect coadd-yesterday.fits coadd-today.fits
  replay bisect quantum:0192f1c2 attempt:0192f1d7 --engine venv --json
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable, Sequence

from envcap.cli.console import console
from envcap.cli.dispatch import print_json
from envcap.printable import printable
from envcap.store.selector import resolve

from ..explain.bisecting import bisect_jobs
from ..explain.bisection import Bisection, Finding
from ..explain.changes.base import Change
from ..explain.trial import Outcome, Trial
from .options import add_plan_options, captured, open_index, options

__all__ = ("add_arguments", "run")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument("a", metavar="A", help="a job: see 'envcap show --help'")
    parser.add_argument("b", metavar="B", help="another attempt of the same work")
    parser.add_argument("--policy", metavar="FILE", help="what may differ (TOML); the default is nothing but dates")
    parser.set_defaults(recursive=False)
    add_plan_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Bisect."""
    index = open_index(arguments)
    a, b = (captured(arguments, index, resolve(index, one, replays=True)) for one in (arguments.a, arguments.b))
    found = bisect_jobs(a, b, options(arguments), _teller())
    if arguments.json:
        print_json(found.to_json())
    else:
        _print(found)
    return 0 if found.finding is Finding.CAUSE else 1


def _teller() -> Callable[[Trial, Sequence[Change]], None]:
    """Return what says on stderr what a trial came to."""
    out = console()
    count = 0

    def say(trial: Trial, changes: Sequence[Change]) -> None:
        nonlocal count
        count += 1
        whole = {0: "A as it was", len(changes): "A with all changes"}
        what = whole.get(len(trial.changes)) or _told([changes[number] for number in trial.changes])
        outcome = "kept to compare with" if trial.outcome is Outcome.REFERENCE else str(trial.outcome)
        reason = f": {trial.reason}" if trial.reason else ""
        out.print(printable(f"  {count}  {what}: {outcome}{reason}  {float(trial.seconds):.1f} s"), markup=False)

    return say


def _told(changes: Sequence[Change]) -> str:
    """Return what is changed: one by its name, many by how many of a layer there are."""
    if len(changes) == 1:
        return changes[0].title
    return ", ".join(f"{count} of {layer}" for layer, count in Counter(change.layer for change in changes).items())


def _print(found: Bisection) -> None:
    out = console(stderr=False)
    for line in (*_conclusion(found), *(f"note: {note}" for note in found.notes)):
        out.print(printable(line), markup=False)


def _conclusion(found: Bisection) -> Sequence[str]:
    tried = f"{len(found.trials)} re-runs, {len(found.changes)} changes"
    if found.finding is Finding.CAUSE:
        alone = len(found.cause) == 1
        lines = [f"{'this alone turns' if alone else 'these together turn'} A's outputs into B's ({tried}):"]
        lines += [f"  {change.title}: {change.before} → {change.after}" for change in found.cause]
        if found.others:
            lines.append(f"with all other changes and without {'it' if alone else 'them'}: {found.others}")
        return lines
    if found.finding is Finding.UNSTABLE:
        return [f"no deterministic cause exists: A does not make the same outputs twice ({tried})"]
    if found.finding is Finding.ALIKE:
        return [f"nothing that can be tried makes the difference: with all changes, the outputs are as A's ({tried})"]
    return ["nothing that a replay can change differs between the two"]
