# SPDX-License-Identifier: Apache-2.0
"""Options that several commands share."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

from envcap.cli.dispatch import add_json, add_store
from envcap.errors import UsageError
from envcap.store.index import Attempt, Index
from envcap.store.opened import existing_store
from envcap.store.selector import resolve

from ..build.base import CODE_CHOICES, EngineOptions
from ..build.registry import ENGINES
from ..comparators.policies import EXACT, Policies
from ..errors import ReplayRefusedError
from ..fidelity import Fidelity
from ..jobs.base import CapturedJob
from ..jobs.registry import captured_job
from ..layers import manifest_layer
from ..rerunning import Options
from ..sandbox.base import Limits

__all__ = (
    "POLICY_HELP",
    "add_pin_option",
    "add_plan_options",
    "add_run_options",
    "captured",
    "engine_options",
    "fidelity",
    "open_index",
    "options",
    "policy",
    "REQUIRED",
    "trusted_job",
)

REQUIRED = ("exact", "rebuilt", "substituted")
POLICY_HELP = "what may differ: a TOML file, or a directory of them; the default is nothing but dates"


def add_plan_options(parser: argparse.ArgumentParser) -> None:
    """Add what a plan depends on."""
    parser.add_argument("--engine", choices=("auto", *ENGINES), default="auto", help="where it runs (default: auto)")
    parser.add_argument("--base", metavar="IMAGE", help="the image to build on (docker, podman)")
    parser.add_argument(
        "--limit", metavar="NAME=N", action="append", default=[], help="memory, pids, cpus, seconds, scratch"
    )
    parser.add_argument("--offline", action="store_true", help="fetch nothing")
    parser.add_argument("--code", choices=CODE_CHOICES, default="captured", help="captured code, or today's")
    parser.add_argument("--trust", action="store_true", help="take a manifest that nobody you know vouches for")
    parser.add_argument("--secret", metavar="NAME=VALUE", action="append", default=[], help="a value that was scrubbed")
    parser.add_argument("--require", choices=REQUIRED, default="substituted", help="refuse a layer below this")
    add_store(parser)
    add_json(parser)


def add_pin_option(parser: argparse.ArgumentParser) -> None:
    """Add whether to pin the numerics."""
    parser.add_argument("--pin-math", action="store_true", help="compute by the kernels and threads that the job used")


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """Add what a run depends on besides."""
    add_plan_options(parser)
    add_pin_option(parser)
    parser.add_argument("--policy", metavar="PATH", help=POLICY_HELP)
    parser.add_argument("--recursive", action="store_true", help="make inputs that are gone again first")


def open_index(arguments: argparse.Namespace) -> Index:
    """Return the index of the store that a command line names."""
    return Index(existing_store(arguments.store))


def captured(arguments: argparse.Namespace, index: Index, attempt: Attempt) -> CapturedJob:
    """Return an attempt for replaying, with the secrets that a command line gives again.

    Raises
    ------
    UsageError
        If one of them is not ``NAME=VALUE``; its text is not repeated.
    """
    secrets = {}
    for number, pair in enumerate(arguments.secret, 1):
        name, equals, value = pair.partition("=")
        if not (name and equals):
            raise UsageError(f"--secret number {number}: expected NAME=VALUE")
        secrets[name] = value
    return captured_job(index, attempt, secrets)


def trusted_job(arguments: argparse.Namespace) -> CapturedJob:
    """Return the job that a command line names, if somebody vouches for it.

    Raises
    ------
    ReplayRefusedError
        If nobody does.
    """
    index = open_index(arguments)
    job = captured(arguments, index, resolve(index, arguments.selector))
    manifest = manifest_layer(job, arguments.trust)
    if manifest.fidelity is Fidelity.IMPOSSIBLE:
        raise ReplayRefusedError(f"{manifest.name} is impossible: {manifest.detail}")
    return job


def fidelity(arguments: argparse.Namespace) -> Fidelity:
    """Return the fidelity that ``--require`` names."""
    return Fidelity[arguments.require.upper()]


def policy(arguments: argparse.Namespace) -> Policies:
    """Return the policies that ``--policy`` names."""
    return Policies.of(Path(arguments.policy)) if arguments.policy else EXACT


def engine_options(arguments: argparse.Namespace) -> EngineOptions:
    """Return what a command line asks of the engine."""
    return EngineOptions(Limits.of_options(arguments.limit), arguments.base, arguments.offline)


def options(
    arguments: argparse.Namespace,
    *,
    repository: str | None = None,
    new_run: str | None = None,
    given: Mapping[str, str] | None = None,
) -> Options:
    """Return how to re-run, from a command line."""
    return Options(
        engine=arguments.engine,
        code=arguments.code,
        require=fidelity(arguments),
        policy=policy(arguments),
        repository=repository,
        new_run=new_run,
        recursive=arguments.recursive,
        trust=arguments.trust,
        given=given or {},
        engine_options=engine_options(arguments),
        pin_math=arguments.pin_math,
    )
