# SPDX-License-Identifier: Apache-2.0
"""A plan: what a replay will do, layer by layer, computed without side effects."""

from __future__ import annotations

from dataclasses import dataclass

from .build.registry import engine
from .captured import CapturedQuantum
from .errors import ReplayRefusedError
from .fidelity import Fidelity, Layer, worst
from .layers import configuration_layer, hardware_layer, inputs_layer, operating_system_layer, process_env_layer

__all__ = ("Plan", "frozen_layers", "host_layers", "make_plan")


@dataclass(frozen=True)
class Plan:
    """What a replay will do.

    Attributes
    ----------
    job : `CapturedQuantum`
    engine : `str`
    code : `str`
    layers : `tuple` of `Layer`
    """

    job: CapturedQuantum
    engine: str
    code: str
    layers: tuple[Layer, ...]

    def check(self, require: Fidelity = Fidelity.SUBSTITUTED) -> None:
        """Refuse a plan with a layer below what is asked for.

        Raises
        ------
        ReplayRefusedError
            Naming the layers.
        """
        low = [layer for layer in self.layers if layer.fidelity > require]
        if low:
            named = "; ".join(f"{layer.name} is {layer.fidelity}: {layer.detail}" for layer in low)
            raise ReplayRefusedError(named)

    def to_json(self) -> dict[str, object]:
        """Return the plan as JSON."""
        return {
            "attempt": self.job.manifest.attempt,
            "job": self.job.manifest.job.name,
            "recipe": self.job.manifest.recipe.digest,
            "engine": self.engine,
            "code": self.code,
            "fidelity": str(worst(self.layers)),
            "layers": [layer.to_json() for layer in self.layers],
        }


def make_plan(job: CapturedQuantum, engine_name: str = "auto", code: str = "captured") -> Plan:
    """Return the plan of a job's replay.

    Parameters
    ----------
    job : `CapturedQuantum`
    engine_name : `str`
        ``auto`` or the name of an engine.
    code : `str`
        ``captured``, or ``current`` for today's code.
    """
    chosen = engine(engine_name)
    return Plan(job, chosen.name, code, (*frozen_layers(job), *chosen.plan(job, code), *host_layers(job)))


def frozen_layers(job: CapturedQuantum) -> tuple[Layer, ...]:
    """Return the layers that the job brings with it."""
    return (configuration_layer(job), inputs_layer(job), process_env_layer(job))


def host_layers(job: CapturedQuantum) -> tuple[Layer, ...]:
    """Return the layers that this host brings."""
    return (operating_system_layer(job), hardware_layer(job))
