# SPDX-License-Identifier: Apache-2.0
"""Entry point of `replay`. A command's module is imported only when it is the one that runs."""

from __future__ import annotations

import sys

from envcap.cli.dispatch import Commands, run_cli, run_one

__all__ = ("RERUN_DATASET", "main", "rerun_dataset")

_COMMANDS: Commands = {
    "plan": ("replay.cli.plan", "say what a replay would reach, layer by layer"),
    "run": ("replay.cli.run", "rebuild the environment, re-run the job, compare"),
    "dockerfile": ("replay.cli.dockerfile", "print the Dockerfile of a job's environment"),
    "bundle": ("replay.cli.bundle", "put a job and all that its replay needs into one file"),
    "unbundle": ("replay.cli.unbundle", "take a bundle in, for 'replay run --offline'"),
    "campaign": ("replay.cli.campaign", "re-run many quanta, and gate on what comes of it"),
    "compare": ("replay.cli.compare", "compare two files and judge the differences"),
    "explain": ("replay.cli.explain", "say why the outputs of two jobs differ: the suspects"),
    "bisect": ("replay.cli.bisect", "find by trying which change makes the difference"),
}


RERUN_DATASET = "replay.cli.rerun_dataset"
"""The module of the command that has two names of its own: `rerun-dataset` and `butler rerun-dataset`."""


def main() -> None:
    """Run `replay`."""
    sys.exit(
        run_cli("replay", "Run a job again from its manifest, and say whether it is the same.", _COMMANDS, sys.argv[1:])
    )


def rerun_dataset() -> None:
    """Run `rerun-dataset`."""
    sys.exit(run_one("rerun-dataset", RERUN_DATASET, sys.argv[1:]))
