# SPDX-License-Identifier: Apache-2.0
"""Show what a job ran: the work, its software and host, inputs, outputs, and how it ended.

Examples
--------
  envcap show @last
  envcap show dataset:0192f1c2-5a1e-7c8d-9e0f-112233445566
  envcap show coadd.fits --json
"""

from __future__ import annotations

import argparse

from ..describe import sections
from ..store.index import Attempt, Index
from ..store.selector import resolve
from .dispatch import add_json, add_store, print_json, store_of

__all__ = ("add_arguments", "document", "run")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument(
        "selector", metavar="SELECTOR", help="job:, attempt:, quantum:, dataset:, path:, sha256: or @last"
    )
    add_store(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the attempt."""
    index = Index(store_of(arguments))
    attempt = resolve(index, arguments.selector)
    notes = index.notes(attempt.manifest.attempt)
    if arguments.json:
        print_json({**document(attempt), "notes": [note.data for note in notes]})
        return 0
    from .console import console, section

    out = console(stderr=False)
    for title, rows in sections(attempt, index.store):
        out.print(section(title, rows))
    if notes:
        out.print(section("notes", [(f"{n.action} by {n.who}", f"{n.written}  {n.why}") for n in notes]))
    return 0


def document(attempt: Attempt) -> dict[str, object]:
    """Return an attempt's documents as JSON."""
    return {
        "state": attempt.state,
        "manifest": attempt.manifest.data,
        "recipe": attempt.recipe.data,
        "result": attempt.result.data if attempt.result else None,
    }
