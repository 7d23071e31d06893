# SPDX-License-Identifier: Apache-2.0
"""What can be replayed, by the kind of work that the recipe names."""

from __future__ import annotations

from collections.abc import Mapping

from envcap.model.components import Command, RubinQuantum
from envcap.store.index import Attempt, Index

from ..errors import ReplayRefusedError
from .base import CapturedJob
from .command import CapturedCommand
from .quantum import CapturedQuantum

__all__ = ("captured_job",)


def captured_job(index: Index, attempt: Attempt, secrets: Mapping[str, str] | None = None) -> CapturedJob:
    """Return an attempt for replaying.

    Raises
    ------
    ReplayRefusedError
        If it is a block of Python: it is no program of its own.
    """
    task = attempt.recipe.task
    if isinstance(task, RubinQuantum):
        return CapturedQuantum(index, attempt, secrets)
    if isinstance(task, Command):
        return CapturedCommand(index, attempt, secrets)
    told = f"attempt {attempt.manifest.attempt} is a {attempt.manifest.job.kind} ({attempt.manifest.job.name})"
    raise ReplayRefusedError(f"{told} inside another program, which can't be run alone; replay the whole: 'envcap run'")
