# SPDX-License-Identifier: Apache-2.0
"""List the jobs in the store, oldest first. Replays are left out unless asked for.

Examples
--------
  envcap jobs
  envcap jobs --state failed --run u/me/run
  envcap jobs --degraded --json
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator

from ..store.index import Attempt, Index
from .dispatch import add_json, add_store, print_json, store_of

__all__ = ("add_arguments", "run")

_STATES = ("ok", "failed", "running", "unknown", "lost")


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
    found = list(_selected(index, arguments))
    if arguments.json:
        print_json([_row(attempt) for attempt in found])
        return 0
    from .console import console, table

    rows = [
        (row["started"], row["state"] + (" degraded" if row["degraded"] else ""), row["kind"], row["name"],
         row["run"] or "", row["attempt"])
        for row in map(_row, found)
    ]  # fmt: skip
    out = console(stderr=False)
    out.print(table(("started", "state", "kind", "name", "RUN", "attempt"), rows))
    counts = Counter(attempt.state for attempt in found)
    sys.stderr.write(", ".join(f"{counts[state]} {state}" for state in _STATES if counts[state]) + "\n")
    for reason in index.unreadable:
        sys.stderr.write(f"unreadable: {reason}\n")
    return 0


def _selected(index: Index, arguments: argparse.Namespace) -> Iterator[Attempt]:
    condition, values = ("run = ?", [arguments.run]) if arguments.run else ("1", [])
    if not arguments.replays:
        condition += " AND replay_of IS NULL"
    for attempt in index.attempts(condition, values):
        if arguments.state not in (None, attempt.state) or (arguments.degraded and not attempt.degraded):
            continue
        yield attempt


def _row(attempt: Attempt) -> dict[str, str]:
    manifest = attempt.manifest
    return {
        "attempt": manifest.attempt,
        "job_id": manifest.job_id,
        "kind": manifest.job.kind,
        "name": manifest.job.name,
        "run": manifest.job.run or "",
        "state": attempt.state,
        "degraded": "yes" if attempt.degraded else "",
        "started": manifest.started,
        "replay_of": manifest.replay_of or "",
    }
