# SPDX-License-Identifier: Apache-2.0
"""Bring the index up to date with the journals of all jobs.

Every command does this by itself before it looks something up; this one says what was found. The index can be deleted
at any time: it is made anew from the journals.

Examples
--------
  envcap ingest
  rm STORE/index.sqlite && envcap ingest --store STORE
"""

from __future__ import annotations

import argparse
import sys

from ..store.base import default_store
from ..store.index import Index
from ..store.local import LocalStore
from .dispatch import add_json, add_store, print_json

__all__ = ("add_arguments", "run")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    add_store(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Refresh the index; 3 if journals hold damage."""
    index = Index(LocalStore.existing(arguments.store or default_store()))
    jobs = int(index.query("SELECT COUNT(*) FROM manifests")[0][0])
    damage = [
        {"journal": path, "from": found.offset, "to": found.end, "reason": found.reason, "tail": found.tail}
        for path, found in index.damage()
    ]
    if arguments.json:
        unreadable = index.unreadable
        print_json({"attempts": jobs, "records": index.new_records, "damage": damage, "unreadable": unreadable})
    else:
        sys.stderr.write(f"{index.new_records} new records; {jobs} attempts in {index.store}\n")
        for found in damage:
            what = "torn tail" if found["tail"] else "damage"
            sys.stderr.write(f"{what}: {found['journal']} bytes {found['from']}-{found['to']}: {found['reason']}\n")
        for reason in index.unreadable:
            sys.stderr.write(f"unreadable: {reason}\n")
    return 3 if index.unreadable or any(not found["tail"] for found in damage) else 0
