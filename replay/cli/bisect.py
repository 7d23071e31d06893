# SPDX-License-Identifier: Apache-2.0
"""Find the smallest set of changes that turns the outputs of one job into those of another, by trying.

Hybrids are re-run: the first job with some of what is different in the second. What was tried is logged, so a bisection
that was interrupted goes on where it was. The exit status is 0 if the cause was found and proved, 1 if there is none
that can be tried, 3 if one of the two can't be re-run.

Examples
--------
  replay bisect coadd-yesterday.fits coadd-today.fits
  replay bisect quantum:0192f1c2 attempt:0192f1d7 --engine venv --json
"""

from __future__ import annotations

import argparse

from envcap.cli.console import console
from envcap.cli.dispatch import print_json
from envcap.printable import printable
from envcap.store.selector import resolve

from ..explain.bisecting import bisect_jobs
from ..explain.bisection import Bisection, Finding
from ..explain.telling import teller
from .options import add_plan_options, captured, open_index, options

__all__ = ("add_arguments", "run")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument("a", metavar="A", help="a job: see 'envcap show --help'")
    parser.add_argument("b", metavar="B", help="another attempt of the same work")
    parser.add_argument("--policy", metavar="FILE", help="what may differ (TOML); the default is nothing but dates")
    parser.set_defaults(recursive=False, pin_math=False)
    add_plan_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Bisect."""
    index = open_index(arguments)
    a, b = (captured(arguments, index, resolve(index, one, replays=True)) for one in (arguments.a, arguments.b))
    found = bisect_jobs(a, b, options(arguments), teller())
    if arguments.json:
        print_json(found.to_json())
    else:
        _print(found)
    return 0 if found.finding is Finding.CAUSE else 1


def _print(found: Bisection) -> None:
    out = console(stderr=False)
    for line in found.lines():
        out.print(printable(line), markup=False)
