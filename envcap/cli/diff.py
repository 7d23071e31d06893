# SPDX-License-Identifier: Apache-2.0
"""Say how two jobs differ, layer by layer, what decides results first.

The exit status is 0 if they are the same in all that was recorded, 1 if they differ.

Examples
--------
  envcap diff coadd-yesterday.fits coadd-today.fits
  envcap diff attempt:0192f1c2 @last
  envcap diff quantum:0192f1c2 quantum:0192f1d7 --json
"""

from __future__ import annotations

import argparse

from ..differences import AttemptDiff, diff
from ..printable import printable
from .dispatch import add_json, add_store, print_json

__all__ = ("add_arguments", "run")

_MAX_SHOWN = 40


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument("a", metavar="A", help="a job: see 'envcap show --help'")
    parser.add_argument("b", metavar="B", help="another")
    add_store(parser)
    add_json(parser)
    parser.add_argument("--all", action="store_true", help="show every change, however many a layer has")


def run(arguments: argparse.Namespace) -> int:
    """Print the difference."""
    found = diff(arguments.a, arguments.b, store=arguments.store)
    if arguments.json:
        print_json(found.to_json())
    else:
        _print(found, None if arguments.all else _MAX_SHOWN)
    return 0 if found.identical else 1


def _print(found: AttemptDiff, most: int | None) -> None:
    from .console import console, table

    out = console(stderr=False)
    for sign, attempt in (("A", found.a), ("B", found.b)):
        job = attempt.manifest.job
        out.print(
            printable(f"{sign}  {job.name}  {attempt.state}  {attempt.manifest.attempt}  {job.run or ''}"), markup=False
        )
    for layer in found.layers:
        if layer.identical:
            continue
        out.print(f"\n[bold]{layer.layer}[/bold]")
        if layer.unknown:
            out.print(f"  can't be compared: {printable(layer.unknown)}", markup=False)
            continue
        rows = [(f"  {change.name}", change.before, change.after) for change in layer.changes[:most]]
        out.print(table(("", "A", "B"), rows))
        if most is not None and len(layer.changes) > most:
            out.print(f"  and {len(layer.changes) - most} more: --all")
    same = ", ".join(layer.layer for layer in found.layers if layer.identical)
    out.print(f"\n[dim]identical: {same or 'nothing'}[/dim]")
