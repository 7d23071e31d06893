# SPDX-License-Identifier: Apache-2.0
"""Rebuild a job's environment, re-run it, compare its outputs and give a verdict.

Several jobs run one after the other, and those of one environment share it: it is rebuilt once, and imports its stack
once. The exit status is then the worst of theirs.

The exit status is 0 if the outputs are identical, equal or equivalent, 1 if they are different, 3 if the replay was
refused, 4 if the payload failed or made no output.

Examples
--------
  replay run @last
  replay run path:coadd.fits --code current
  replay run quantum:0192f1c2 --require exact --json
  replay run path:coadd.fits --pin-math
"""

from __future__ import annotations

import argparse

from envcap.store.selector import resolve

from .judged import run_all_and_judge, run_and_judge
from .options import add_run_options, captured, open_index, options

__all__ = ("add_arguments", "run")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument("selectors", metavar="SELECTOR", nargs="+", help="a job: see 'envcap show --help'")
    add_run_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Re-run and judge."""
    index = open_index(arguments)
    named = {one.manifest.attempt: one for one in (resolve(index, selector) for selector in arguments.selectors)}
    jobs = [captured(arguments, index, one) for one in named.values()]
    if len(jobs) > 1:
        return run_all_and_judge(jobs, options(arguments), as_json=arguments.json)
    return run_and_judge(jobs[0], options(arguments), as_json=arguments.json)
