# SPDX-License-Identifier: Apache-2.0
"""Compare two files (FITS, Parquet, NumPy, JSON, YAML, text) and judge the differences.

The exit status is 0 if they are identical, equal or equivalent, 1 if they are different.

Examples
--------
  replay compare coadd.fits again/coadd.fits
  replay compare repo/u/me/first/coadd.fits repo/u/me/again/coadd.fits --new-run
  replay compare a.parq b.parq --policy tolerances.toml --json
"""

from __future__ import annotations

import argparse
from pathlib import Path

from envcap.cli.console import console
from envcap.cli.dispatch import add_json, print_json

from ..comparators.files import compare_files
from .judged import exit_status
from .options import policy

__all__ = ("add_arguments", "run")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument("original", metavar="A", help="a file")
    parser.add_argument("remade", metavar="B", help="another")
    parser.add_argument("--policy", metavar="FILE", help="what may differ (TOML); the default is nothing but dates")
    parser.add_argument("--new-run", action="store_true", help="B is in another RUN: new UUIDs are no difference")
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Compare and judge."""
    judge = policy(arguments).for_new_run() if arguments.new_run else policy(arguments)
    found = compare_files(Path(arguments.original), Path(arguments.remade), judge)
    if arguments.json:
        print_json(found.to_json())
    else:
        out = console(stderr=False)
        for title, leaves in (("", found.judgement.significant), ("tolerated ", found.judgement.tolerated),
                              ("volatile ", found.judgement.volatile)):  # fmt: skip
            for leaf in leaves:
                out.print(f"{title}{leaf}", markup=False)
        out.print(f"{found.verdict} {found.judgement.note}".rstrip(), markup=False)
    return exit_status(found.verdict)
