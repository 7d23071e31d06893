# SPDX-License-Identifier: Apache-2.0
"""The Python that runs the job."""

from __future__ import annotations

from ..model.components import Interpreter
from ..target import Target
from .base import NO_PYTHON, Absent, Collected, Collector, Keep

__all__ = ("InterpreterCollector",)


class InterpreterCollector(Collector):
    """Implementation, exact version and binary interface of the command's interpreter."""

    kind = "interpreter"

    def collect(self, target: Target, keep: Keep) -> Collected:
        """Return what the interpreter says of itself."""
        if not target.executable:
            raise Absent(NO_PYTHON)
        component = Interpreter(implementation=target.implementation, version=target.version, soabi=target.soabi)
        return Collected(component, {"executable": target.executable, "prefix": target.prefix})
