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

from ..captured import CapturedQuantum
from ..fidelity import Fidelity, Layer
from ..progress import Progress
from .base import Built, Engine, passed_variables
from .code import code_layer, code_path
from .interpreter import FoundPython, interpreter_layer
from .unrecorded import own_variables, unrecorded_layers

__all__ = ("HostEngine",)


class HostEngine(Engine):
    """Runs the quantum with the interpreter and the distributions that run the replay."""

    name = "host"

    def plan(self, job: CapturedQuantum, code: str) -> tuple[Layer, ...]:
        """Return how this environment differs from the captured one."""
        if job.origin is not None:
            return unrecorded_layers(job.origin)
        here = FoundPython(sys.executable, sys.version.split()[0])
        return (interpreter_layer(job, here), _dists_layer(job), code_layer(job, code))

    def build(self, job: CapturedQuantum, code: str, scratch: str, progress: Progress) -> Built:
        """Return this environment, with the code put back."""
        if job.origin is not None:
            return Built(sys.executable, own_variables(scratch), self.plan(job, code))
        with progress.step("put the code back"):
            path = code_path(job, code, scratch)
        variables = passed_variables(scratch)
        variables["PATH"] = os.path.dirname(sys.executable) + os.pathsep + variables["PATH"]
        variables |= {**job.variables, "PYTHONPATH": os.pathsep.join(path)}
        return Built(sys.executable, variables, self.plan(job, code))


def _dists_layer(job: CapturedQuantum) -> Layer:
    collected = PythonDistsCollector().collect(Target.current(), describe_bytes).component
    assert isinstance(collected, PythonDists)
    here = {d.name: d for d in collected.distributions}
    there = {d.name: d for d in job.dists.distributions}
    changed = [f"{n} {there[n].version} → {here[n].version}" for n in there.keys() & here.keys() if here[n] != there[n]]
    named = sorted(changed) + [f"-{n}" for n in sorted(there.keys() - here.keys())]
    named += [f"+{n}" for n in sorted(here.keys() - there.keys())]
    if not named:
        return Layer("python_dists", Fidelity.EXACT, f"{len(here)} distributions, each RECORD equal to the captured one")
    shown = ", ".join(named[:6]) + (f" and {len(named) - 6} more" if len(named) > 6 else "")
    return Layer("python_dists", Fidelity.SUBSTITUTED, f"this environment's: {shown}")
