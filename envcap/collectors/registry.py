# SPDX-License-Identifier: Apache-2.0
"""The collectors that every capture of an environment runs, in this order."""

from __future__ import annotations

from .allotment import AllotmentCollector
from .base import Collector
from .conda import CondaCollector
from .container import ContainerCollector
from .eups import EupsCollector
from .hardware import HardwareCollector
from .interpreter import InterpreterCollector
from .numerics import NumericsCollector
from .operating_system import OperatingSystemCollector
from .os_packages import OsPackagesCollector
from .process_env import ProcessEnvCollector
from .python_dists import PythonDistsCollector
from .source import SourceCollector

__all__ = ("COLLECTORS",)

COLLECTORS: tuple[type[Collector], ...] = (
    InterpreterCollector,
    PythonDistsCollector,
    CondaCollector,
    EupsCollector,
    SourceCollector,
    OperatingSystemCollector,
    OsPackagesCollector,
    ProcessEnvCollector,
    NumericsCollector,
    HardwareCollector,
    AllotmentCollector,
    ContainerCollector,
)
