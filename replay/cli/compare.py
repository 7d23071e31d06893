# SPDX-License-Identifier: Apache-2.0
"""Compare two files and judge the differences.

FITS, Parquet, Arrow, ECSV, HDF5, NumPy, JSON, YAML and text files are compared by what they say, others by their bytes.
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
from ..present import print_comparison
from .judged import exit_status
from .options import POLICY_HELP, policy

__all__ = ("add_arguments", "run")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument("original", metavar="A", help="a file")
    parser.add_argument("remade", metavar="B", help="another")
    parser.add_argument("--policy", metavar="PATH", help=POLICY_HELP)
    parser.add_argument("--new-run", action="store_true", help="B is in another RUN: new UUIDs are no difference")
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Compare and judge."""
    judge = policy(arguments).for_files()
    judge = judge.for_new_run() if arguments.new_run else judge
    found = compare_files(Path(arguments.original), Path(arguments.remade), judge)
    if arguments.json:
        print_json(found.to_json())
    else:
        print_comparison(console(stderr=False), found)
    return exit_status(found.verdict)
