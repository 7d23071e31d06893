# SPDX-License-Identifier: Apache-2.0
"""Entry point of `envcap`. A command's module is imported only when it is the one that runs."""

from __future__ import annotations

import atexit
import gc
import os
import sys

from .dispatch import Commands, run_cli

__all__ = ("main",)

_COMMANDS: Commands = {
    "run": ("envcap.cli.run", "run a command and record it as a job"),
    "show": ("envcap.cli.show", "show what a job ran"),
    "diff": ("envcap.cli.diff", "say how two jobs differ, layer by layer"),
    "export": ("envcap.cli.export", "write what a job ran in a format that others read"),
    "jobs": ("envcap.cli.jobs", "list the jobs in the store"),
    "verify": ("envcap.cli.verify", "say whether jobs are authentic and whole"),
    "sign": ("envcap.cli.sign", "sign jobs, so that others can believe them"),
    "container": ("envcap.cli.container", "say what a container's image is and where it comes from"),
    "doctor": ("envcap.cli.doctor", "say what works here, and what to do about the rest"),
    "hook": ("envcap.cli.hook", "print what has the jobs of a batch system captured"),
    "ingest": ("envcap.cli.ingest", "pack what jobs have written, and bring the index up to date"),
    "anomalies": ("envcap.cli.anomalies", "say which jobs of a run stand out from the rest"),
    "note": ("envcap.cli.note", "note something of a job"),
    "pin": ("envcap.cli.pin", "keep a job for as long as the store lasts"),
    "gc": ("envcap.cli.gc", "delete what nothing needs any more"),
}


_WAITED_FOR = "run"
"""The command that a job waits for."""


def main() -> None:
    """Run `envcap`."""
    waited_for = sys.argv[1:2] == [_WAITED_FOR]
    if waited_for:
        gc.disable()  # it lives shorter than what there is to collect
    status = run_cli("envcap", "Record what a job ran, as a content-addressed manifest.", _COMMANDS, sys.argv[1:])
    if waited_for:
        _leave(status)
    sys.exit(status)


def _leave(status: int) -> None:
    """End without taking apart what was imported, which takes as long as half of the imports did."""
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            continue  # nobody listens; the exit status says it too
    os._exit(status)
