# SPDX-License-Identifier: Apache-2.0
"""Say why the outputs of two jobs differ: the suspects, with what speaks for each, the likeliest first.

Nothing is re-run; 'replay bisect' finds out by trying. The exit status is 0 if no output differs, 1 if one does, or if
that can't be told because a file is gone.

Examples
--------
  replay explain coadd-yesterday.fits coadd-today.fits
  replay explain quantum:0192f1c2 attempt:0192f1d7 --json
"""

from __future__ import annotations

import argparse

from envcap.cli.console import console
from envcap.cli.dispatch import add_json, add_store, print_json
from envcap.printable import printable
from envcap.store.selector import resolve

from ..explain.explanation import Explanation, explain
from ..jobs.registry import captured_job
from .options import open_index, policy

__all__ = ("add_arguments", "run")

_SHOWN = 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument("a", metavar="A", help="a job: see 'envcap show --help'")
    parser.add_argument("b", metavar="B", help="another attempt of the same work")
    parser.add_argument("--policy", metavar="FILE", help="what may differ (TOML); the default is nothing but dates")
    parser.add_argument("--all", action="store_true", help="show every suspect")
    add_store(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the explanation."""
    index = open_index(arguments)
    a, b = (captured_job(index, resolve(index, one, replays=True)) for one in (arguments.a, arguments.b))
    found = explain(a, b, policy(arguments))
    if arguments.json:
        print_json(found.to_json())
    else:
        _print(found, None if arguments.all else _SHOWN)
    return 0 if found.is_different is False else 1


def _print(found: Explanation, most: int | None) -> None:
    out = console(stderr=False)
    for output in found.outputs:
        verdict = output.comparison.verdict if output.comparison else ""
        out.print(printable(f"{output.name}: {verdict or output.unknown}"), markup=False)
        for line in output.comparison.lines() if output.comparison else ():
            out.print(printable(f"  {line}"), markup=False)
    if found.is_different is False:
        out.print("\nno output differs; what differs besides:")
    for number, one in enumerate(found.suspects[:most], 1):
        out.print()
        out.print(printable(f"{number:3}  {one.title}"), markup=False, style="bold")
        if one.before or one.after:
            out.print(printable(f"     {one.before} → {one.after}"), markup=False)
        for line in one.evidence:
            out.print(printable(f"     · {line}"), markup=False, style="dim")
    if most is not None and len(found.suspects) > most:
        out.print(f"and {len(found.suspects) - most} less likely: --all")
