# SPDX-License-Identifier: Apache-2.0
"""Inject causes among irrelevant changes, and score whether each is on record, suspected first, and proved.

``CAUSES`` is a regular expression for the names of the causes to inject; all of them are, without it.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from ..paired import Row, report
from .cause import Score
from .commands import command_causes
from .containers import container_causes
from .quanta import quantum_causes
from .world import Workshop

__all__ = ("main",)


def main() -> None:
    """Inject, score, print and keep."""
    wanted = re.compile(os.environ.get("CAUSES", ""))
    scores: list[Score] = []
    with tempfile.TemporaryDirectory() as folder:
        workshop = Workshop(Path(folder))
        for family in (command_causes, container_causes, quantum_causes):
            for cause in family(workshop):
                if wanted.search(cause.name):
                    scores.append(workshop.score(cause, Path(folder, "jobs", str(len(scores)))))
                    sys.stderr.write(_line(scores[-1]) + "\n")
    Console(width=None if os.isatty(1) else 180).print(_table(scores))
    if not wanted.pattern:
        report("drift", list(_rows(scores)))


def _line(score: Score) -> str:
    return "  ".join(_cells(score))


def _cells(score: Score) -> tuple[str, ...]:
    record = "yes" if score.rank else "no"
    first = "yes" if score.rank == 1 else f"no ({score.rank}); {score.first}" if score.rank else "no"
    proved = "yes" if score.is_proved else "no"
    found = ", ".join(change.title for change in score.proved) or score.finding
    effort = f"{score.trials} re-runs, {score.seconds:.0f} s"
    return score.cause.name, str(score.others), record, first, proved, found, effort


def _table(scores: Sequence[Score]) -> Table:
    made = Table("cause", "others", "on record", "first", "proved", "bisecting says", "effort", title="DriftBench")
    for score in scores:
        made.add_row(*_cells(score))
    return made


def _rows(scores: Sequence[Score]) -> Iterator[Row]:
    """Yield what fell short, in percent, since a budget is an upper limit; then each cause."""
    steady = [score for score in scores if score.cause.is_deterministic]
    yield Row("causes not on record", _share(scores, [one.rank is None for one in scores]), "%", _of(scores), None, 0)
    yield Row("causes not first", _share(scores, [one.rank != 1 for one in scores]), "%", _of(scores), None, 20)
    yield Row("causes not proved", _share(steady, [not one.is_proved for one in steady]), "%", _of(steady), None, 20)
    for score in scores:
        told = f"{score.others} other changes; proved: {'yes' if score.is_proved else 'no'}"
        yield Row(f"rank of: {score.cause.name}", float(score.rank or 0), "", told)


def _share(scores: Sequence[Score], missed: Sequence[bool]) -> float:
    return 100.0 * sum(missed) / len(scores)


def _of(scores: Sequence[Score]) -> str:
    return f"{len(scores)} causes, each among {min(score.others for score in scores)} others or more"


if __name__ == "__main__":
    main()
