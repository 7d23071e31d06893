# SPDX-License-Identifier: Apache-2.0
"""Choose quanta of a repository, re-run them on many workers, and gate on the verdicts."""

from __future__ import annotations

from envcap.cli.dispatch import Commands

__all__ = ("COMMANDS",)

COMMANDS: Commands = {
    "create": ("replay.cli.campaign.create", "choose the quanta, and say how to re-run them"),
    "run": ("replay.cli.campaign.run", "judge what is left, on threads, processes, Slurm or any executor of Parsl"),
    "status": ("replay.cli.campaign.status", "count what was judged, by task and verdict"),
    "report": ("replay.cli.campaign.report", "write what it came to, as HTML, JSON or JUnit XML"),
    "gate": ("replay.cli.campaign.gate", "exit with 0 if enough of the quanta were re-made the same"),
    "list": ("replay.cli.campaign.listing", "list the campaigns"),
}
