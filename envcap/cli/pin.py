# SPDX-License-Identifier: Apache-2.0
"""Pin a job, so that 'envcap gc' keeps it for as long as the store lasts; --remove takes the pin away.

A pin is a note: who pinned it, when and why is shown with the job.

Examples
--------
  envcap pin coadd.fits --why "figure 3 of the paper"
  envcap pin coadd.fits --remove --why "the paper was withdrawn"
"""

from __future__ import annotations

import argparse

from ..store.index import Index
from ..store.noting import PIN, UNPIN, add_note
from ..store.selector import resolve
from .dispatch import add_store, store_of

__all__ = ("add_arguments", "run")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument("selector", metavar="SELECTOR", help="a job: see 'envcap show --help'")
    parser.add_argument("--why", metavar="TEXT", required=True, help="for whoever looks at it later")
    parser.add_argument("--remove", action="store_true", help="take the pin away")
    add_store(parser)


def run(arguments: argparse.Namespace) -> int:
    """Pin it."""
    index = Index(store_of(arguments))
    add_note(index, resolve(index, arguments.selector), UNPIN if arguments.remove else PIN, arguments.why)
    return 0
