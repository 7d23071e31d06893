# SPDX-License-Identifier: Apache-2.0
"""Write what a campaign came to so far, for people (HTML), programs (JSON) or continuous integration (JUnit XML).

The page is one file, which has no scripts and fetches nothing. It shows the quanta that are not identical, the worst
first, each with the commands that lead to its manifests; cut-outs are drawn of images that are still there.

Examples
--------
  replay campaign report R1 -o R1.html
  replay campaign report R1 --format json | jq '.tasks[0]'
  replay campaign report R1 --format junit -o R1.xml
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace

from envcap.errors import EnvcapError
from envcap.store.index import Index
from envcap.store.opened import existing_store

from ...campaign.campaign import Campaign
from ...campaign.report.data import ReportData
from ...campaign.report.durations import original_seconds
from ...campaign.report.formats import FORMATS, report_text

__all__ = ("add_arguments", "run")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument("name", metavar="NAME", help="the campaign: see 'replay campaign list'")
    parser.add_argument("-o", "--output", metavar="FILE", help="where to write it (default: standard output)")
    parser.add_argument("--format", choices=FORMATS, default="html", help="html (default), json, junit")


def run(arguments: argparse.Namespace) -> int:
    """Write the report."""
    campaign = Campaign.open(arguments.name)
    text = report_text(_with_durations(ReportData.of(campaign), campaign), arguments.format)
    if arguments.output is None:
        sys.stdout.write(text)
        return 0
    with open(arguments.output, "w", encoding="utf-8") as stream:
        stream.write(text)
    return 0


def _with_durations(data: ReportData, campaign: Campaign) -> ReportData:
    """Return a report with what the campaign's store knows besides; without it, the report says less."""
    store = campaign.definition.options.get("store")
    try:
        index = Index(existing_store(store if isinstance(store, str) else None))
        return replace(data, original_seconds=original_seconds(index, data.entries))
    except EnvcapError as err:
        sys.stderr.write(f"replay campaign report: how long the originals took is unknown: {err}\n")
        return data
