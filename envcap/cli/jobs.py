# SPDX-License-Identifier: Apache-2.0
"""List the jobs in the store, oldest first, and count them by state. Replays are left out unless asked for.

A job that was tried again has a line for each attempt. With --degraded, what could not be captured is told by collector
and node. People are shown the latest thousand; --json has all.

Examples
--------
  envcap jobs
  envcap jobs --state failed --run u/me/run
  envcap jobs --degraded
  envcap jobs --json
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ..errors import EnvcapError
from ..ids import uuid_text
from ..store.attempt import Attempt
from ..store.index import Index
from .dispatch import add_json, add_store, print_json, store_of

__all__ = ("add_arguments", "run")

_STATES = ("ok", "failed", "running", "unknown", "lost")
_COLUMNS = "attempt, job_id, quantum, kind, name, run, host, status, degraded, result_degraded, started, replay_of"
_MOST = 1000


class _Job(NamedTuple):
    """One line of the list; `attempt_number` of `attempts` with this job id."""

    attempt: str
    job_id: str
    kind: str
    name: str
    run: str
    host: str
    state: str
    degraded: bool
    started: str
    replay_of: str
    attempt_number: int
    attempts: int

    def to_json(self) -> dict[str, object]:
        return {**self._asdict(), "degraded": "yes" if self.degraded else ""}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    add_store(parser)
    add_json(parser)
    parser.add_argument("--state", choices=_STATES, help="only jobs in this state")
    parser.add_argument("--degraded", action="store_true", help="only jobs of which something could not be captured")
    parser.add_argument("--run", metavar="NAME", help="only quanta of this RUN")
    parser.add_argument("--replays", action="store_true", help="replays too")


def run(arguments: argparse.Namespace) -> int:
    """Print the list."""
    index = Index(store_of(arguments))
    state = arguments.state
    found = [job for job in _jobs(index, arguments) if state in (None, job.state)]
    if arguments.degraded:
        found = [job for job in found if job.degraded]
    if arguments.json:
        print_json([job.to_json() for job in found])
        return 0
    _print(found)
    if arguments.degraded:
        _print_degraded(index, found)
    for reason in index.unreadable:
        sys.stderr.write(f"unreadable: {reason}\n")
    return 0


def _jobs(index: Index, arguments: argparse.Namespace) -> Iterator[_Job]:
    condition, values = ("run = ?", [arguments.run]) if arguments.run else ("TRUE", [])
    if not arguments.replays:
        condition += " AND replay_of IS NULL"
    rows = index.columns(_COLUMNS, condition, values, order="started, attempt")
    tries = Counter(_thing(row) for row in rows)
    seen: Counter[tuple[object, ...]] = Counter()
    for row in rows:
        seen[_thing(row)] += 1
        attempt, job_id, _, kind, name, in_run, host, status, degraded, result_degraded, started, replay_of = row
        try:
            state = status or index.load(uuid_text(attempt)).state
        except EnvcapError as err:
            index.unreadable.append(f"attempt {uuid_text(attempt)}: {err}")
            continue
        yield _Job(
            uuid_text(attempt), job_id, kind, name, in_run or "", host, state, bool(degraded or result_degraded),
            started, replay_of or "", seen[_thing(row)], tries[_thing(row)],
        )  # fmt: skip


def _thing(row: Sequence[object]) -> tuple[object, ...]:
    """Return what attempts of one job have in common; replays are no attempts of what they replay."""
    _, job_id, quantum, kind, *_, replay_of = row
    return kind, quantum or job_id, replay_of


def _print(found: list[_Job]) -> None:
    from .console import console, table

    rows = [
        (job.started, job.state + (" degraded" if job.degraded else ""), job.kind, _named(job), job.run, job.attempt)
        for job in found[-_MOST:]
    ]
    console(stderr=False).print(table(("started", "state", "kind", "name", "RUN", "attempt"), rows))
    if len(found) > _MOST:
        sys.stderr.write(f"these are the latest {_MOST} of {len(found)}; --json lists all\n")
    counts = Counter(job.state for job in found)
    told = [f"{counts[state]} {state}" for state in _STATES if counts[state]]
    degraded = sum(job.degraded for job in found)
    again = sum(job.attempt_number > 1 for job in found)
    told += [f"{degraded} degraded"] * bool(degraded) + [f"{again} tried again"] * bool(again)
    sys.stderr.write(", ".join(told) + "\n")


def _named(job: _Job) -> str:
    return job.name + (f" (attempt {job.attempt_number} of {job.attempts})" if job.attempts > 1 else "")


def _print_degraded(index: Index, found: list[_Job]) -> None:
    """Print what could not be captured, by collector and node."""
    from .console import console, table

    groups: dict[tuple[str, str, str], int] = defaultdict(int)
    for job in found:
        try:
            for collector, reason in _failures(index.load(job.attempt)):
                groups[collector, job.host, reason] += 1
        except EnvcapError as err:
            index.unreadable.append(f"attempt {job.attempt}: {err}")
    rows = [(*key, str(count)) for key, count in sorted(groups.items(), key=lambda one: -one[1])]
    console(stderr=False).print(table(("collector", "node", "why", "jobs"), rows))


def _failures(attempt: Attempt) -> Iterator[tuple[str, str]]:
    outcomes = {**attempt.manifest.outcomes, **(attempt.result.outcomes or {} if attempt.result else {})}
    yield from ((kind, one.reason or "") for kind, one in outcomes.items() if one.status == "failed")
    if attempt.result is not None:
        yield from (attempt.result.degraded or {}).items()
