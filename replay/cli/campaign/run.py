# SPDX-License-Identifier: Apache-2.0
"""Judge what is left of a campaign. It can be interrupted and run again: no quantum is judged twice.

The quanta go in batches of one environment to workers, by Parsl: threads and processes are on this node, slurm are jobs
of one core each in the queue, and FILE.py is a configuration of your own, for HTCondor and whatever else Parsl knows:
it says "config = Config(…)". Where the infrastructure fails, a quantum is tried twice more. The exit status is 0 if all
is judged, whatever the verdicts; 'replay campaign gate' decides.

Examples
--------
  replay campaign run R1
  replay campaign run R1 --executor processes --workers 8
  replay campaign run R1 --executor slurm --workers 40
  replay campaign run R1 --executor condor.py --json
"""

from __future__ import annotations

import argparse
import os
import sys

from envcap.cli.dispatch import add_json, print_json
from envcap.errors import UsageError

from ...campaign.campaign import Campaign
from ...campaign.executors import EXECUTORS, parsl_config
from ...campaign.meter import Meter
from ...campaign.running import CampaignRun

__all__ = ("add_arguments", "run")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument("name", metavar="NAME", help="the campaign")
    told = f"{', '.join(EXECUTORS)} or FILE.py (default: threads)"
    parser.add_argument("--executor", metavar="EXECUTOR", default="threads", help=told)
    told = "how many quanta run at a time (default: as this node has processors)"
    parser.add_argument("--workers", metavar="N", type=int, help=told)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Judge."""
    workers = arguments.workers or len(os.sched_getaffinity(0))
    if workers < 1:
        raise UsageError(f"--workers {workers}: expected a number of workers")
    campaign = Campaign.open(arguments.name)
    config = parsl_config(arguments.executor, workers, os.path.join(campaign.folder, "parsl"))
    with Meter(campaign, quiet=arguments.json) as meter:
        try:
            CampaignRun(campaign, config, workers, meter).run()
        except KeyboardInterrupt:
            meter.tell(f"interrupted: {meter.tally.judged} of {campaign.planned} quanta are judged; {_go_on(campaign)}")
            raise
    tally = meter.tally
    if arguments.json:
        print_json(tally.to_json())
    elif tally.unjudged:
        sys.stderr.write(f"{tally.unjudged} of {campaign.planned} quanta are left; {_go_on(campaign)}\n")
    return 1 if tally.unjudged else 0


def _go_on(campaign: Campaign) -> str:
    return f"'replay campaign run {campaign.name}' goes on"
