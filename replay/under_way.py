# SPDX-License-Identifier: Apache-2.0
"""A job between its plan and its verdict."""

from __future__ import annotations

from dataclasses import dataclass, field

from envcap.hooks.attempt import AttemptWriter

from .execute.quantum import Asked
from .execute.remade import RemadeOutput
from .fidelity import Layer
from .pinning.replayed import ReplayedNumerics
from .planning import Plan
from .progress import Progress
from .verdict import ReadOutputs

__all__ = ("Executed", "Started")


@dataclass
class Started:
    """A plan that is being run.

    Attributes
    ----------
    plan : `Plan`
    isolated : `str`
        The isolated repository, if it is a quantum.
    progress : `Progress`
    scratch : `str`
        The job's directory.
    numerics : `ReplayedNumerics`
    writer : `AttemptWriter`
        Of the replay.
    made_first : `list` [ `str` ]
        The jobs that had to be run again before, by name.
    asked : `Asked` or `None`
        The request that a server has already.
    """

    plan: Plan
    isolated: str
    progress: Progress
    scratch: str
    numerics: ReplayedNumerics
    writer: AttemptWriter
    made_first: list[str] = field(default_factory=list)
    asked: Asked | None = None


@dataclass(frozen=True)
class Executed:
    """What running a plan came to.

    Attributes
    ----------
    plan : `Plan`
    layers : sequence of `Layer`
        What was reached.
    attempt : `str`
        Of the replay.
    remade : `list` [ `RemadeOutput` ]
    read : mapping
        What the repository's formatters read of them.
    place : `str`
        Where they are.
    progress : `Progress`
    """

    plan: Plan
    layers: tuple[Layer, ...]
    attempt: str
    remade: list[RemadeOutput]
    read: ReadOutputs
    place: str
    progress: Progress
