# SPDX-License-Identifier: Apache-2.0
"""Note something of a job, for whoever looks at it later; without a text, show what was noted.

Notes are only ever added, each with who wrote it and when. They change nothing of what was recorded.

Examples
--------
  envcap note coadd.fits "the sky was cloudy: do not use"
  envcap note coadd.fits
"""

from __future__ import annotations

import argparse

from ..store.index import Index
from ..store.noting import NOTE, add_note
from ..store.selector import resolve
from .dispatch import add_json, add_store, print_json, store_of

__all__ = ("add_arguments", "run")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument("selector", metavar="SELECTOR", help="a job: see 'envcap show --help'")
    parser.add_argument("text", metavar="TEXT", nargs="?", help="what to note")
    add_store(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Note it, and print all notes."""
    index = Index(store_of(arguments))
    attempt = resolve(index, arguments.selector)
    if arguments.text is not None:
        add_note(index, attempt, NOTE, arguments.text)
    notes = index.notes(attempt.manifest.attempt)
    if arguments.json:
        print_json([note.data for note in notes])
        return 0
    from .console import console, table

    rows = [(note.written, note.who, note.action, note.why) for note in notes]
    console(stderr=False).print(table(("when", "who", "", "why"), rows) if rows else "no notes")
    return 0
