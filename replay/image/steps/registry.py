# SPDX-License-Identifier: Apache-2.0
"""The steps of a Dockerfile, in order."""

from __future__ import annotations

from .base import BaseStep, Step
from .environment import EnvironmentStep
from .identity import IdentityStep
from .python import PythonStep
from .source import SourceStep

__all__ = ("STEPS",)

STEPS: tuple[Step, ...] = (BaseStep(), PythonStep(), SourceStep(), EnvironmentStep(), IdentityStep())
