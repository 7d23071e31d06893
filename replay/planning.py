# SPDX-License-Identifier: Apache-2.0
"""A plan: what a replay will do, layer by layer, computed without side effects."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from envcap import html
from envcap.hooks.loaded import LIBRARIES
from envcap.printable import printable

from .build.base import Engine, EngineOptions
from .build.registry import engine_for
from .errors import ReplayRefusedError
from .fidelity import Fidelity, Layer, layers_as_html, worst
from .image.facts import image_facts
from .jobs.base import CapturedJob
from .layers import (
    hardware_layer,
    manifest_layer,
    numerics_layer,
    operating_system_layer,
    own_os_packages_layer,
    process_env_layer,
    quantum_layer,
)
from .pinning.layer import planned_layer
from .work_layers import work_layers

__all__ = ("KnownLayers", "Plan", "environment_key", "frozen_layers", "host_layers", "make_plan")

KnownLayers = dict[tuple[object, ...], tuple[Layer, ...]]
"""The layers that an engine and this host bring, by what they depend on of a job."""


@dataclass(frozen=True, repr=False)
class Plan:
    """What a replay will do.

    Attributes
    ----------
    job : `CapturedJob`
    chosen : `Engine`
    code : `str`
    layers : `tuple` of `Layer`
    """

    job: CapturedJob
    chosen: Engine
    code: str
    layers: tuple[Layer, ...]

    @property
    def engine(self) -> str:
        """The engine's name."""
        return self.chosen.name

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

    @property
    def fidelity(self) -> Fidelity:
        """That of the least faithful layer."""
        return worst(self.layers)

    def __repr__(self) -> str:
        told = f"{self.job.manifest.job.name}: engine {self.engine}, {self.code} code, {self.fidelity}"
        return printable(f"<plan of {told}>", "")

    def _repr_html_(self) -> str:
        job = self.job.manifest.job
        facts = [("what runs", self.job.title), *([("RUN", job.run)] if job.run else [])]
        facts += [("engine", self.engine), ("code", self.code), ("sandbox", self.chosen.sandbox())]
        facts += [("recipe", self.job.manifest.recipe.digest)]
        parts = html.table((), facts), layers_as_html(self.layers)
        return html.page(f"plan of {job.name}", *parts, badge=str(self.fidelity))

    def to_json(self) -> dict[str, object]:
        """Return the plan as JSON."""
        return {
            "attempt": self.job.manifest.attempt,
            "job": self.job.manifest.job.name,
            "recipe": self.job.manifest.recipe.digest,
            "engine": self.engine,
            "code": self.code,
            "fidelity": str(self.fidelity),
            "layers": [layer.to_json() for layer in self.layers],
        }


def make_plan(
    job: CapturedJob,
    engine_name: str = "auto",
    code: str = "captured",
    *,
    trust: bool = False,
    options: EngineOptions | None = None,
    pin_math: bool = False,
    known: KnownLayers | None = None,
) -> Plan:
    """Return the plan of a job's replay.

    Parameters
    ----------
    job : `CapturedJob`
    engine_name : `str`
        ``auto`` or the name of an engine.
    code : `str`
        ``captured``, or ``current`` for today's code.
    trust : `bool`
        Whether to take a manifest that nobody vouches for.
    options : `EngineOptions`, optional
    pin_math : `bool`
        Whether to pin the numerics to what was in effect in the job.
    known : `KnownLayers`, optional
        What was found for earlier jobs with the same engine, code and options.
    """
    chosen = engine_for(job, engine_name, options or EngineOptions())
    if job.origin is None:
        manifest = manifest_layer(job, trust)
    else:
        # No manifest says anything of it, and there is no code but today's.
        manifest, code = quantum_layer(job.origin), "current"
    # To see what it could rebuild, an engine runs what the manifest names: an interpreter, git in a work tree.
    may_look = manifest.fidelity is not Fidelity.IMPOSSIBLE
    key = (may_look, *environment_key(job), _loaded_libraries(job))
    layers = None if known is None else known.get(key)
    if layers is None:
        layers = _environment_layers(job, chosen, code if may_look else None)
        if known is not None:
            known[key] = layers
    frozen = [planned_layer(job) if pin_math and one.name == "numerics" else one for one in frozen_layers(job)]
    return Plan(job, chosen, code, (manifest, *frozen, *layers))


def environment_key(job: CapturedJob) -> tuple[object, ...]:
    """Return what two jobs have in common that ran in one environment, and for which one that is rebuilt serves."""
    manifest = job.manifest
    software = tuple(sorted((kind, one.digest) for kind, one in job.attempt.recipe.software.items()))
    host = tuple(sorted((kind, one.digest) for kind, one in manifest.host.items()))
    return software, host, manifest.site.digest if manifest.site else None, job.origin is None


def _loaded_libraries(job: CapturedJob) -> str | None:
    """Return the digest of the libraries that a job had loaded: the packages they are from matter most."""
    result = job.attempt.result
    found = (result.observed or {}).get(LIBRARIES) if result is not None else None
    return found.digest if found is not None else None


def _environment_layers(job: CapturedJob, chosen: Engine, code: str | None) -> tuple[Layer, ...]:
    """Return the layers that the engine and this host bring; the engine is not asked without a code."""
    engines = chosen.plan(job, code) if code is not None else ()
    engines = (*engines, *_lack_of_image(job, engines))
    answered = {layer.name for layer in engines}  # a container brings an operating system of its own
    return (*engines, *(layer for layer in host_layers(job) if layer.name not in answered))


def _lack_of_image(job: CapturedJob, engines: Sequence[Layer]) -> Iterator[Layer]:
    """Yield what a job that ran in an image lacks in an engine that has none."""
    facts = image_facts(job) if engines and all(layer.name != "image" for layer in engines) else None
    if facts is not None:
        told = f"the job ran in the image {facts.id[:19]}…, and this engine has none; --engine docker has"
        yield Layer("image", Fidelity.SUBSTITUTED, told)


def frozen_layers(job: CapturedJob) -> tuple[Layer, ...]:
    """Return the layers that the job brings with it."""
    return (*work_layers(job), process_env_layer(job), numerics_layer(job))


def host_layers(job: CapturedJob) -> tuple[Layer, ...]:
    """Return the layers that this host brings."""
    return (operating_system_layer(job), own_os_packages_layer(job), hardware_layer(job))
