# SPDX-License-Identifier: Apache-2.0
"""Quanta of the example pipeline, for explaining and bisecting."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from replay.explain.bisection import Bisection
from replay.jobs.quantum import CapturedQuantum
from replay.jobs.registry import captured_job
from tests.observatory import Observatory

__all__ = ("PAIR", "bisected", "quantum", "run_with", "use_places")

PAIR = "detector = 0 AND exposure IN (2026031400001, 2026031400002)"
"""Two exposures, of which a coadd can be made."""


def use_places(found: Observatory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what runs in this process use the world's store, caches and key."""
    for name, value in found.world.variables(job=False).items():
        if name.startswith("ENVCAP_"):
            monkeypatch.setenv(name, value)


def run_with(found: Observatory, output: str, where: str, variables: Mapping[str, str], *arguments: str) -> None:
    """Run the pipeline under capture, with more variables."""
    command = ["envcap", "run", "--", *found.world.pipetask(output, "-d", where, *arguments)]
    found.world.run(command, variables={**found.world.variables(), **variables})


def quantum(found: Observatory, task: str, run: str) -> CapturedQuantum:
    """Return a quantum for replaying."""
    job = captured_job(found.index(), found.attempt(f"{task} {{", run))
    assert isinstance(job, CapturedQuantum)
    return job


def bisected(found: Observatory, task: str, a: str, b: str) -> Bisection:
    """Bisect a task's first quantum in two RUNs."""
    import replay

    return replay.bisect(*(quantum(found, task, run).attempt for run in (a, b)), quiet=True)
