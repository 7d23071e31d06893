# SPDX-License-Identifier: Apache-2.0
"""The steps of a Dockerfile, in order."""

from __future__ import annotations

from .base import BaseStep, Step
from .bytecode import BytecodeStep
from .conda import CondaStep
from .debs import DebsStep
from .environment import EnvironmentStep
from .eups import EupsStep
from .identity import IdentityStep
from .python import PythonStep
from .source import SourceStep
from .venv import VenvStep

__all__ = ("STEPS",)

STEPS: tuple[Step, ...] = (
    BaseStep(),
    DebsStep(),
    CondaStep(),
    VenvStep(),
    PythonStep(),
    BytecodeStep(),
    SourceStep(),
    EnvironmentStep(),
    EupsStep(),
    IdentityStep(),
)
