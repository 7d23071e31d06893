# SPDX-License-Identifier: Apache-2.0
"""For Slurm: a batch script, and the same on one line."""

from __future__ import annotations

import shlex

from .base import PrintedHook, words

__all__ = ("SlurmHook",)


class SlurmHook(PrintedHook):
    """A batch script. Slurm's ids, and those of the task of an array, are found in the job's environment."""

    system = "slurm"

    def text(self, store: str | None) -> str:
        """Return the script."""
        command = f"{words('envcap', 'run', store=store)} -- COMMAND ARGUMENTS"
        return (
            "#!/bin/sh\n"
            "#SBATCH --job-name=NAME\n"
            f"# Or on one line: sbatch --job-name=NAME --wrap={shlex.quote(command)}\n"
            f"exec {command}\n"
        )
