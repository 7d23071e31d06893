# SPDX-License-Identifier: Apache-2.0
"""Bring a store in order after jobs: pack their journals, and bring the index up to date.

Every command reads what jobs have written by itself; this one packs it, too, to a tenth of the size, and says what it
found. It may be run at any time, also while jobs run: their journals stay as they are. It may be interrupted: the next
one goes on. Of several at a time one works, and the others wait. The index can be deleted at any time: it is made anew
from the rest. ENVCAP_INDEX=postgresql://user@host/name keeps it in a site's database. Jobs write to a directory; --to
sends what is packed to an object store, or any other place that lsst.resources knows, where --store finds it.

The exit status is 3 if something in the store is damaged; all else was packed nevertheless.

Examples
--------
  envcap ingest
  envcap ingest --json
  envcap ingest --to s3://bucket/envcap
  rm STORE/index.sqlite && envcap ingest --store STORE
"""

from __future__ import annotations

import argparse
import sys

from ..store.index import Index
from ..store.ingest import Ingested, ingest
from ..store.local import LocalStore
from .dispatch import add_json, add_store, print_json, store_of
from .listing import say_waiting, shown_progress

__all__ = ("add_arguments", "run")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument("--to", metavar="URI", help="then send objects and packs that are not there yet to this place")
    add_store(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Pack and index; 3 if something is damaged."""
    store = store_of(arguments)
    with shown_progress("pack", quiet=arguments.json) as advance:
        index, done = ingest(store, say_waiting, advance)
    sent = _sent(store, arguments)
    damage: list[dict[str, object]] = [
        {"journal": path, "from": found.offset, "to": found.end, "reason": found.reason, "tail": found.tail}
        for path, found in index.damage()
    ]
    if arguments.json:
        print_json({
            "attempts": index.count(), "records": done.records, "packs": done.packs, "journals": done.journals,
            "dropped": done.dropped, "damage": damage, "unreadable": index.unreadable,
            "sent": None if sent is None else {"objects": sent[0], "packs": sent[1]},
        })  # fmt: skip
    else:
        _tell(index, done, damage)
        if sent is not None:
            sys.stderr.write(f"sent: {_counted(sent[0], 'object')} and {_counted(sent[1], 'pack')}\n")
    return 3 if index.unreadable or any(not found["tail"] for found in damage) else 0


def _sent(store: LocalStore, arguments: argparse.Namespace) -> tuple[int, int] | None:
    """Send what a place lacks, and return how many objects and packs that were; `None` if there is no such place."""
    from ..store.mirror import MirrorStore

    place = MirrorStore(arguments.to, store.root) if arguments.to else store
    if not isinstance(place, MirrorStore):
        return None
    with shown_progress("send", quiet=arguments.json, unit="files") as advance:
        return place.push(advance)


def _tell(index: Index, done: Ingested, damage: list[dict[str, object]]) -> None:
    lines = [f"{done.records} new records; {index.count()} attempts in {index.store}"]
    if done.packs:
        lines.append(f"{_counted(done.journals, 'journal')} packed into {_counted(done.packs, 'pack')}")
    for name, length in done.dropped.items():
        lines.append(f"dropped: {name}: the last {length} bytes, of a record that its writer died at")
    for found in damage:
        what = "torn tail" if found["tail"] else "damage"
        lines.append(f"{what}: {found['journal']} bytes {found['from']}-{found['to']}: {found['reason']}")
    lines += [f"not packed, since it is damaged: {name}" for name in done.damaged]
    lines += [f"unreadable: {reason}" for reason in index.unreadable]
    sys.stderr.write("".join(f"{line}\n" for line in lines))


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" + ("s" if number != 1 else "")
