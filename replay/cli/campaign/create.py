# SPDX-License-Identifier: Apache-2.0
"""Choose the quanta that made some datasets of a repository, and say how to re-run them.

The datasets are those that --where selects, a Butler expression, in the RUNs that the store knows, or in --collection.
Quanta that were not captured can't be re-run in their environment; they are counted, and left out. A sample is the same
for the same name; with --stratify, every task, environment, processor (cpu) or node is in it.

Examples
--------
  replay campaign create R1 --repo repo --where "detector = 0"
  replay campaign create R1 --repo repo --where "exposure > 2026031400002" --sample 200 --stratify task,environment,cpu
  replay campaign create R1 --repo repo --collection u/me/first --task coadd --code current --policy policy.toml
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from envcap.cli.console import console, progress
from envcap.cli.dispatch import add_json, add_store, print_json
from envcap.errors import UnknownSelectorError, UsageError
from envcap.ids import timestamp, uuid7
from envcap.printable import printable
from envcap.store.index import Index

from ...build.base import CODE_CHOICES
from ...build.registry import ENGINES
from ...campaign.campaign import Campaign
from ...campaign.definition import Definition, Planned
from ...campaign.options import options_document
from ...campaign.places import campaign_folder
from ...campaign.sampling import STRATA, sampled
from ...campaign.selecting import Selection, captured_quanta, captured_runs
from ...rubin.places import absolute
from ...rubin.selecting import select_datasets
from ..options import REQUIRED, open_index, policy

__all__ = ("add_arguments", "run")

_MOST_NAMED = 6


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument("name", metavar="NAME", help="what to call it")
    chosen = parser.add_argument_group("which quanta")
    chosen.add_argument("--repo", required=True, metavar="REPO", help="the Butler repository")
    chosen.add_argument("--where", default="", metavar="EXPRESSION", help="a Butler expression (default: all)")
    chosen.add_argument("--collection", metavar="C", action="append", default=[], help="where to look, in order")
    chosen.add_argument("--dataset-type", metavar="T", action="append", default=[], help="a name or a glob pattern")
    chosen.add_argument("--task", metavar="LABEL", action="append", default=[], help="only quanta of this task")
    chosen.add_argument("--sample", metavar="N", type=int, help="only so many of them")
    chosen.add_argument("--stratify", metavar="BY", default="", help=f"{', '.join(STRATA)}, with commas between")
    how = parser.add_argument_group("how to re-run")
    how.add_argument("--engine", choices=("auto", *ENGINES), default="auto", help="where it runs (default: auto)")
    how.add_argument("--base", metavar="IMAGE", help="the image to build on (docker, podman)")
    how.add_argument("--limit", metavar="NAME=N", action="append", default=[], help="memory, pids, cpus, seconds, …")
    how.add_argument("--offline", action="store_true", help="fetch nothing")
    how.add_argument("--code", choices=CODE_CHOICES, default="captured", help="captured code, or today's")
    how.add_argument("--trust", action="store_true", help="take manifests that nobody you know vouches for")
    how.add_argument("--require", choices=REQUIRED, default="substituted", help="refuse a layer below this")
    how.add_argument("--policy", metavar="FILE", help="what may differ (TOML); the default is nothing but dates")
    add_store(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Choose, and write the definition."""
    campaign_folder(arguments.name)
    by = _strata(arguments)
    index = open_index(arguments)
    found = _select(arguments, index)
    chosen: Sequence[Planned] = found.quanta
    if arguments.sample is not None:
        chosen = sampled(found.quanta, arguments.sample, by, arguments.name)
    campaign = Campaign.create(arguments.name, _definition(arguments, index, by, chosen))
    environments = len({one.environment for one in chosen})
    if arguments.json:
        uncaptured = dict(sorted(found.uncaptured.items()))
        document = {"name": campaign.name, "folder": campaign.folder, "quanta": len(chosen), "of": len(found.quanta)}
        print_json({**document, "environments": environments, "uncaptured": uncaptured})
        return 0
    out = console()
    for line in _told(found):
        out.print(line, markup=False)
    told = f"{len(chosen)} of {len(found.quanta)} quanta in {environments} environments"
    out.print(f"{told}; 'replay campaign run {campaign.name}' re-runs them", markup=False)
    return 0


def _strata(arguments: argparse.Namespace) -> list[str]:
    by = [name.strip() for name in arguments.stratify.split(",") if name.strip()]
    if unknown := [name for name in by if name not in STRATA]:
        raise UsageError(f"--stratify {unknown[0]}: expected some of {', '.join(STRATA)}, with commas between")
    if by and arguments.sample is None:
        raise UsageError("--stratify is for a sample; add --sample N")
    if arguments.sample is not None and arguments.sample < 1:
        raise UsageError(f"--sample {arguments.sample}: expected a number of quanta")
    return by


def _select(arguments: argparse.Namespace, index: Index) -> Selection:
    datasets = select_datasets(
        arguments.repo,
        arguments.where,
        collections=arguments.collection,
        dataset_types=arguments.dataset_type,
        runs=[] if arguments.collection else captured_runs(index),
    )
    quiet = arguments.json or not sys.stderr.isatty()
    watch = iter if quiet else lambda found: progress(found, "reading manifests", len(found))
    found = captured_quanta(index, datasets, arguments.task, watch)
    if not found.quanta:
        there = sum(map(len, datasets.values()))
        lacking = sum(found.uncaptured.values())
        told = f"none of the {there} datasets that were selected was made by a captured quantum" if there else ""
        if there and lacking < there:
            told = f"no quantum of {', '.join(arguments.task)} made one of the {there} datasets that were selected"
        raise UnknownSelectorError(told or f"--where {arguments.where!r} selects no dataset")
    return found


def _definition(
    arguments: argparse.Namespace, index: Index, by: Sequence[str], chosen: Sequence[Planned]
) -> Definition:
    judge = policy(arguments)
    selected = {"collections": arguments.collection, "dataset_types": arguments.dataset_type, "tasks": arguments.task}
    options = options_document(
        engine=arguments.engine,
        code=arguments.code,
        require=arguments.require,
        trust=arguments.trust,
        offline=arguments.offline,
        base=arguments.base,
        limits=arguments.limit,
        policy=judge,
        store=index.store.root,
        selected=selected,
    )
    return Definition(
        id=uuid7(),
        repo=absolute(arguments.repo),
        where=arguments.where,
        sample=arguments.sample,
        stratify=by,
        policy=judge.digest,
        options=options,
        created=timestamp(),
        quanta=chosen,
    )


def _told(found: Selection) -> list[str]:
    """Return what is left out."""
    lines = [f"left out, unreadable: {printable(line)}" for line in found.unreadable[:_MOST_NAMED]]
    if found.uncaptured:
        named = [f"{count} {name}" for name, count in found.uncaptured.most_common(_MOST_NAMED)]
        count = sum(found.uncaptured.values())
        lines.append(f"left out: {count} datasets that no captured quantum made ({', '.join(named)})")
    return lines
