# SPDX-License-Identifier: Apache-2.0
"""Take a bundle in: its documents go into the store, the rest into the cache; then 'replay run --offline' finds them.

A bundle that your own key doesn't vouch for is refused, unless you say --trust. The exit status is 1 if the bundle
lacks something that it should hold; what it does hold is taken in all the same.

Examples
--------
  replay unbundle coadd.bundle
  replay unbundle colleague.bundle --trust && replay run --offline --trust @last
"""

from __future__ import annotations

import argparse
from pathlib import Path

from envcap.cli.console import console, table
from envcap.cli.dispatch import add_json, add_store, print_json
from envcap.store.local import LocalStore
from envcap.store.place import default_store

from ..bundle.bundling import Unpacked, unpack
from ..progress import Progress

__all__ = ("add_arguments", "run")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument("bundle", metavar="FILE", help="the bundle")
    parser.add_argument("--trust", action="store_true", help="take a bundle that nobody you know vouches for")
    add_store(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Unpack."""
    store = LocalStore(arguments.store or default_store())
    found = unpack(Path(arguments.bundle), store, Progress(quiet=arguments.json), trust=arguments.trust)
    if arguments.json:
        told = [{"what": what, "why": why} for what, why in found.left_out]
        print_json({"attempt": found.attempt, "name": found.name, "left_out": told, "lacking": list(found.lacking),
                    "notes": list(found.notes), "vouched": found.vouched})  # fmt: skip
    else:
        _print(found)
    return 1 if found.lacking else 0


def _print(found: Unpacked) -> None:
    out = console(stderr=False)
    out.print(f"{found.name}, {found.vouched}", markup=False)
    if found.left_out:
        out.print(table(("left out when it was made", "why"), found.left_out))
    for name in found.lacking:
        out.print(f"missing from the bundle: {name}", markup=False)
    for note in found.notes:
        out.print(note, markup=False)
    out.print(f"replay run --offline attempt:{found.attempt}", markup=False)
