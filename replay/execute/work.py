# SPDX-License-Identifier: Apache-2.0
"""Runs a job's work again, whatever kind it is."""

from __future__ import annotations

from collections.abc import Callable

from ..build.base import Built
from ..jobs.base import CapturedJob
from ..jobs.command import CapturedCommand
from ..jobs.quantum import CapturedQuantum
from .command import run_command
from .destination import Destination
from .quantum import run_quantum
from .remade import RemadeOutput
from .server import Servers

__all__ = ("run_work",)


def run_work(
    job: CapturedJob,
    built: Built,
    destination: Callable[[CapturedQuantum], Destination],
    scratch: str,
    servers: Servers,
) -> list[RemadeOutput]:
    """Run a job again and return its outputs.

    Raises
    ------
    ReplayFailedError
        If the payload failed, or made no output.
    ReplayRefusedError
        If it must not run; nothing has run.
    """
    if isinstance(job, CapturedQuantum):
        return run_quantum(job, built, destination(job), scratch, servers)
    assert isinstance(job, CapturedCommand)
    return run_command(job, built, scratch)
