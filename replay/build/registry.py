# SPDX-License-Identifier: Apache-2.0
"""The engines by name."""

from __future__ import annotations

from contextlib import suppress

from ..jobs.base import CapturedJob
from ..errors import BuildError, ReplayRefusedError
from ..image.client import connect
from ..image.facts import image_facts
from .base import Engine, EngineOptions
from .container import DockerEngine, PodmanEngine
from .host import HostEngine
from .venv import VenvEngine

__all__ = ("AUTO", "ENGINES", "engine", "engine_for")

ENGINES: dict[str, type[Engine]] = {cls.name: cls for cls in (VenvEngine, DockerEngine, PodmanEngine, HostEngine)}
AUTO = "venv"
"""What ``--engine auto`` takes where the job ran in no image that is known. Never ``host``: that must be asked for."""


def engine(name: str, options: EngineOptions) -> Engine:
    """Return an engine by its name."""
    return ENGINES[AUTO if name == "auto" else name](options)


def engine_for(job: CapturedJob, name: str, options: EngineOptions) -> Engine:
    """Return the engine that is to run a job.

    Raises
    ------
    ReplayRefusedError
        If the job's environment was not captured, and the engine is one that would rebuild it.
    """
    if job.origin is None:
        return _climbed(job, options) if name == "auto" else engine(name, options)
    if name not in ("auto", HostEngine.name):
        told = "no environment was captured of this quantum, so there is none to rebuild"
        raise ReplayRefusedError(f"--engine {name}: {told}; --engine {HostEngine.name} runs it in this one")
    return HostEngine(options)


def _climbed(job: CapturedJob, options: EngineOptions) -> Engine:
    """Return the engine that comes closest: for a job that ran in a known image, one that has images."""
    if job.has_python and image_facts(job) is not None:
        with suppress(BuildError):  # no engine answers; the plan says what a virtual environment lacks
            connect(DockerEngine.name)
            return DockerEngine(options)
    return engine(AUTO, options)
