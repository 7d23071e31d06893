# SPDX-License-Identifier: Apache-2.0
"""Say what a replay of a job would reach, layer by layer. Nothing is built, run or written.

The exit status is 3 if a layer is impossible, or below --require.

Examples
--------
  replay plan @last
  replay plan coadd.fits --require rebuilt
  replay plan quantum:0192f1c2 --engine host --json
  replay plan @last --pin-math
"""

from __future__ import annotations

import argparse

from envcap.cli.console import console
from envcap.cli.dispatch import print_json
from envcap.store.selector import resolve

from ..planning import make_plan
from ..present import print_plan
from .options import add_pin_option, add_plan_options, captured, engine_options, fidelity, open_index

__all__ = ("add_arguments", "run")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument("selector", metavar="SELECTOR", help="the job: see 'envcap show --help'")
    add_plan_options(parser)
    add_pin_option(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the plan."""
    index = open_index(arguments)
    job = captured(arguments, index, resolve(index, arguments.selector))
    how = engine_options(arguments)
    plan = make_plan(
        job, arguments.engine, arguments.code, trust=arguments.trust, options=how, pin_math=arguments.pin_math
    )
    if arguments.json:
        print_json(plan.to_json())
    else:
        print_plan(console(stderr=False), plan)
    plan.check(fidelity(arguments))
    return 0
