# SPDX-License-Identifier: Apache-2.0
"""Tidy the store: delete what nothing names and no job has asked for in two weeks, and join small packs.

No job is lost by that. Jobs go only if they are asked to: --forget-older-than DAYS forgets those that ended before,
with --run NAME only those of one RUN. Pinned jobs stay, and so do those that run, and whatever has not been packed yet
('envcap ingest'). If anything in the store is damaged, nothing but scratch files goes.

Examples
--------
  envcap gc --dry-run
  envcap gc --forget-older-than 400 --run u/me/test
"""

from __future__ import annotations

import argparse
import sys
import time

from ..errors import UsageError
from ..ids import timestamp
from ..store.garbage import Garbage, collect_garbage
from ..store.index import Index
from ..store.lock import only_one
from ..store.noting import is_pinned
from ..store.sealing import finish
from ..store.tidy import refuse_links
from .dispatch import add_json, add_store, print_json, store_of
from .listing import say_waiting, shown_progress

__all__ = ("add_arguments", "run")

_DAY_S = 86400


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument("--dry-run", action="store_true", help="say what would go, and leave it")
    parser.add_argument("--forget-older-than", metavar="DAYS", type=int, help="forget jobs that ended before")
    parser.add_argument("--run", metavar="NAME", help="with it: only quanta of this RUN")
    add_store(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Tidy; 3 if nothing could go, since not all is whole."""
    days = arguments.forget_older_than
    if arguments.run and days is None:
        raise UsageError("--run says which jobs are forgotten: it needs --forget-older-than")
    if days is not None and days < 0:
        raise UsageError("--forget-older-than needs a number of days")
    store = store_of(arguments)
    if str(store) != f"store {store.root}":
        raise UsageError(f"{store}: only a store in a directory can be tidied")
    with only_one(store.root, say_waiting):
        refuse_links(store.root)
        finish(store.root)
        index = Index(store)
        forgotten = _forgotten(index, days, arguments.run) if days is not None else set()
        with shown_progress("read", quiet=arguments.json) as advance:
            done = collect_garbage(index, forgotten, dry_run=arguments.dry_run, advance=advance)
    if arguments.json:
        print_json(done._asdict())
    else:
        _tell(done, "would go" if arguments.dry_run else "gone")
    return 3 if done.kept else 0


def _forgotten(index: Index, days: int, run: str | None) -> set[bytes]:
    """Return the ids of the attempts that are to be forgotten."""
    condition = "number IS NOT NULL AND COALESCE(ended, started) < ?"
    values = [timestamp(time.time_ns() - days * _DAY_S * 10**9)]
    if run is not None:
        condition += " AND run = ?"
        values.append(run)
    found = index.listed(condition, values)
    ended = {attempt for (attempt,) in index.columns("attempt", "ended IS NOT NULL")}
    return {
        listed.id
        for listed in found
        if not is_pinned(index, listed.attempt) and (listed.id in ended or index.load(listed.attempt).state == "lost")
    }


def _tell(done: Garbage, what: str) -> None:
    lines = [
        f"{done.attempts} jobs forgotten" if done.attempts else "",
        f"{done.packs} packs joined" if done.packs else "",
        f"{done.objects} objects that nothing names, {done.size} bytes",
        f"{done.scratch} scratch files",
    ]
    sys.stderr.write(f"{what}: {'; '.join(filter(None, lines))}\n")
    if done.kept:
        sys.stderr.write(f"all else stays: {done.kept}\n")
