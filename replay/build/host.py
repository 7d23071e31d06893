# SPDX-License-Identifier: Apache-2.0
"""The engine ``host``: this very environment, as it is.

Nothing is rebuilt, so it is used only when asked for by name, or when there is nothing to rebuild from.
"""

from __future__ import annotations

import os
import sys

from envcap.collectors.python_dists import PythonDistsCollector
from envcap.model.components import PythonDists
from envcap.model.descriptor import describe_bytes
from envcap.target import Target

from ..jobs.base import CapturedJob
from ..fidelity import Layer
from ..progress import Progress
from ..sandbox.unconfined import Unconfined
from .base import Built, Engine, observed, passed_variables
from .code import code_layer, code_path
from .eups import eups_layer, with_products
from .interpreter import FoundPython, interpreter_layer
from .observation import dists_layer
from .unrecorded import own_variables, unrecorded_layers

__all__ = ("HostEngine",)


class HostEngine(Engine):
    """Runs the quantum with the interpreter and the distributions that run the replay."""

    name = "host"

    def plan(self, job: CapturedJob, code: str) -> tuple[Layer, ...]:
        """Return how this environment differs from the captured one."""
        if job.origin is not None:
            return unrecorded_layers(job.origin)
        return (*_layers(job, code), *eups_layer(job))

    def sandbox(self) -> str:
        """Return that there is none."""
        return Unconfined(self.options.limits).describe()

    def build(self, job: CapturedJob, code: str, scratch: str, progress: Progress) -> Built:
        """Return this environment, with the code put back."""
        sandbox = Unconfined(self.options.limits)
        if job.origin is not None:
            environment = observed(sys.executable, own_variables(), job.store)
            return Built(sys.executable, own_variables(), self.plan(job, code), sandbox, (), environment)
        with progress.step("put the code back"):
            path = code_path(job, code, scratch)
        variables = with_products(job, passed_variables())
        variables["PATH"] = os.path.dirname(sys.executable) + os.pathsep + variables["PATH"]
        variables |= {**job.variables, "PYTHONPATH": os.pathsep.join(path)}
        environment = observed(sys.executable, variables, job.store)
        layers = (*_layers(job, code), *eups_layer(job, variables))
        return Built(sys.executable, variables, layers, sandbox, (), environment)


def _layers(job: CapturedJob, code: str) -> tuple[Layer, ...]:
    here = FoundPython(sys.executable, sys.version.split()[0])
    return (interpreter_layer(job, here), _dists_layer(job), code_layer(job, code))


def _dists_layer(job: CapturedJob) -> Layer:
    collected = PythonDistsCollector().collect(Target.current(), describe_bytes).component
    assert isinstance(collected, PythonDists)
    return dists_layer(job.dists, collected, "this environment's")
