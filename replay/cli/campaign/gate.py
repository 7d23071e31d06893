# SPDX-License-Identifier: Apache-2.0
"""Exit with 0 if enough of a campaign's quanta were re-made the same, else with 1, and say why in one line.

Quanta that failed or were refused are not the same. A campaign of which something is left never passes.

Examples
--------
  replay campaign gate R1 --min 99%
  replay campaign gate R1 --min 100% --verdict equal
"""

from __future__ import annotations

import argparse

from envcap.cli.console import console
from envcap.cli.dispatch import add_json, print_json

from ...campaign.campaign import Campaign
from ...campaign.tally import Tally, gate_line, percentage

__all__ = ("add_arguments", "run")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument("name", metavar="NAME", help="the campaign")
    parser.add_argument("--min", metavar="PERCENT", required=True, help="the share that must be good, such as 99%%")
    told = "the worst verdict that is good (default: equivalent, which is within the policy's tolerance)"
    parser.add_argument("--verdict", choices=("identical", "equal", "equivalent"), default="equivalent", help=told)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Judge the campaign."""
    minimum = percentage(arguments.min)
    campaign = Campaign.open(arguments.name)
    tally = Tally(campaign, campaign.each())
    passed, line = gate_line(tally, minimum, arguments.verdict)
    if arguments.json:
        print_json({"name": campaign.name, "passed": passed, "reason": line, **tally.to_json()})
    else:
        word = "passed" if passed else "not passed"
        console(stderr=False).print(f"{campaign.name}: {word}: {line}", markup=False)
    return 0 if passed else 1
