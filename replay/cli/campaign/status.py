# SPDX-License-Identifier: Apache-2.0
"""Count what a campaign has judged, by task and verdict, and what is left.

Examples
--------
  replay campaign status R1
  replay campaign status R1 --json
"""

from __future__ import annotations

import argparse

from envcap.cli.console import console, table
from envcap.cli.dispatch import add_json, print_json

from ...campaign.campaign import Campaign
from ...campaign.tally import VERDICTS, Tally

__all__ = ("add_arguments", "run")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument("name", metavar="NAME", help="the campaign")
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Count and print."""
    campaign = Campaign.open(arguments.name)
    tally = Tally(campaign, campaign.each())
    if arguments.json:
        print_json({"name": campaign.name, **tally.to_json()})
        return 0
    rows = [_row(task, tally.verdicts(task), left) for task, left in sorted(tally.left.items())]
    if len(rows) > 1:
        rows.append(_row("all", tally.verdicts(), tally.unjudged))
    out = console(stderr=False)
    out.print(table(("task", *VERDICTS, "left"), rows))
    errors = ", ".join(f"{count} {kind}" for kind, count in tally.errors.most_common())
    told = f"{tally.judged} of {tally.planned} judged" + (f"; without a verdict: {errors}" if errors else "")
    if tally.judged:
        told += f"; {tally.seconds / tally.judged:.2f} s of a worker's time each"
    out.print(told, markup=False)
    return 0


def _row(task: str, verdicts: dict[str, int], left: int) -> tuple[str, ...]:
    return (task, *(str(count or "") for count in verdicts.values()), str(left or ""))
