# SPDX-License-Identifier: Apache-2.0
"""List the campaigns, with how far each is.

Examples
--------
  replay campaign list
  replay campaign list --json
"""

from __future__ import annotations

import argparse
import sys

from envcap.cli.console import console, table
from envcap.cli.dispatch import add_json, print_json
from envcap.errors import EnvcapError

from ...campaign.campaign import Campaign
from ...campaign.places import campaign_names
from ...campaign.tally import Tally

__all__ = ("add_arguments", "run")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the list."""
    rows, documents = [], []
    for name in campaign_names():
        try:
            campaign = Campaign.open(name)
            tally = Tally(campaign, campaign.each())
        except EnvcapError as err:
            sys.stderr.write(f"unreadable: {err}\n")
            continue
        made, repo = campaign.definition.created, campaign.definition.repo
        documents.append({"name": name, "folder": campaign.folder, "created": made, "repo": repo, **tally.to_json()})
        rows.append((name, made, repo, str(campaign.planned), str(tally.judged), _worst(tally)))
    if arguments.json:
        print_json(documents)
    else:
        console(stderr=False).print(table(("name", "created", "repository", "quanta", "judged", "worst"), rows))
    return 0


def _worst(tally: Tally) -> str:
    return next((f"{count} {verdict}" for verdict, count in reversed(tally.verdicts().items()) if count), "")
