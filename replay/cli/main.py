# SPDX-License-Identifier: Apache-2.0
"""Entry point of `replay`. A command's module is imported only when it is the one that runs."""

from __future__ import annotations

import sys

from envcap.cli.dispatch import Commands, run_cli

__all__ = ("main",)

_COMMANDS: Commands = {
    "plan": ("replay.cli.plan", "say what a replay would reach, layer by layer"),
    "run": ("replay.cli.run", "rebuild the environment, re-run the job, compare"),
    "compare": ("replay.cli.compare", "compare two files and judge the differences"),
}


def main() -> None:
    """Run `replay`."""
    sys.exit(
        run_cli("replay", "Run a job again from its manifest, and say whether it is the same.", _COMMANDS, sys.argv[1:])
    )
