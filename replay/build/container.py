# SPDX-License-Identifier: Apache-2.0
"""The engines ``docker`` and ``podman``: the very image that a job ran in, else one that is rebuilt from its manifest."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from envcap.memo import cache_dir

from ..conda.gathering import CondaGatherer, kept_packages
from ..conda.packages import locked_packages
from ..debs.gathering import DebGatherer, kept_debs
from ..errors import BuildError
from ..fidelity import Fidelity, Layer
from ..image.builder import ImageBuilder
from ..image.client import EngineClient, connect
from ..image.ladder import Ladder, Rung
from ..image.recipe import CODE
from ..jobs.base import CapturedJob
from ..progress import Progress
from ..sandbox.base import Mount
from ..sandbox.container import ContainerSandbox, confinement
from ..wheels.gathering import WheelGatherer
from ..wheels.wanted import wanted_wheels
from .base import Built, Engine, planned_wheels, wheelhouse
from .code import code_layer, code_path
from .eups import eups_folders, eups_layer, with_products
from .foundation import conda_layer
from .observation import observe, observed_layers

__all__ = ("DockerEngine", "PodmanEngine")


class ContainerEngine(Engine):
    """Runs quanta in containers of one engine."""

    def plan(self, job: CapturedJob, code: str) -> tuple[Layer, ...]:
        """Return what the highest rung that can be reached would come to; what is proved by building is ``rebuilt``."""
        try:
            if not job.has_python:
                raise BuildError(f"the job ran no Python, and --engine {self.name} rebuilds Python's environment; --engine venv")
            client = connect(self.name)
            builder = self._builder(client)
            rung = Ladder(client, builder, job, self.options, code).rung()
        except BuildError as err:
            return (Layer("image", Fidelity.IMPOSSIBLE, str(err)), code_layer(job, code))
        image = Layer("image", rung.fidelity, rung.detail)
        return (image, *self._planned(job, rung), code_layer(job, code), *_planned_products(job, rung))

    def _planned(self, job: CapturedJob, rung: Rung) -> Iterator[Layer]:
        python = f"{job.interpreter.implementation} {job.interpreter.version}"
        packages = locked_packages(job)
        wheels = wanted_wheels(job)
        count = len(wheels)
        if rung.image is not None or rung.fidelity is Fidelity.EXACT:
            yield Layer("interpreter", rung.fidelity, f"{python}, looked at when it runs")
            yield Layer("python_dists", rung.fidelity, f"{count} distributions, proved by RECORD when it runs")
        else:
            lacking = WheelGatherer(wheelhouse(), offline=True).lacking(wheels)
            yield Layer("interpreter", Fidelity.REBUILT, f"{'conda' if packages else 'the base'}'s, for {python}")
            if packages:
                gatherer = CondaGatherer(kept_packages(), offline=self.options.offline)
                yield conda_layer(packages, gatherer, self.options.offline)
            yield planned_wheels(count, lacking, offline=self.options.offline)
        yield Layer("operating_system", rung.fidelity, "the image's, looked at when it runs")
        yield self._planned_debs(rung)

    def _planned_debs(self, rung: Rung) -> Layer:
        wanted = rung.recipe.debs if rung.recipe is not None and rung.image is None else ()
        lacking = DebGatherer(kept_debs(), offline=self.options.offline).lacking(wanted)
        if lacking and self.options.offline:
            told = f"{lacking[0].title}: its package is not here, and nothing is fetched (--offline)"
            return Layer("os_packages", Fidelity.IMPOSSIBLE, told)
        fetched = f"{len(wanted)} to be installed, {len(lacking)} of them to be fetched first" if wanted else "the image's"
        return Layer("os_packages", rung.fidelity, f"{fetched}, looked at when it runs")

    def _builder(self, client: EngineClient) -> ImageBuilder:
        return ImageBuilder(client, wheelhouse(), offline=self.options.offline)

    def sandbox(self) -> str:
        """Return the container's."""
        return confinement(self.name, self.options.limits)

    def build(self, job: CapturedJob, code: str, scratch: str, progress: Progress) -> Built:
        """Return the image as an environment, from the engine, from a registry, or newly built."""
        client = connect(self.name)
        with _locked(self.name):
            rung = Ladder(client, self._builder(client), job, self.options, code).climb(progress)
        assert rung.image is not None
        sandbox = ContainerSandbox(client, rung.image.id, self.options.limits)
        python = rung.python
        path, mounts = self._code(job, code, rung, scratch)
        if rung.fidelity is not Fidelity.EXACT:
            mounts += tuple(Mount(place, place) for place in eups_folders(job))
        path_of_image = f"{os.path.dirname(python)}:/usr/local/bin:/usr/bin:/bin"
        variables = with_products(job, {"PATH": path_of_image, "PYTHONDONTWRITEBYTECODE": "1"})
        variables |= {**job.variables, "PYTHONPATH": os.pathsep.join(path)}
        with progress.step("look at the environment in the container"):
            environment = observe(sandbox, python, variables, mounts, job.store, scratch)
        image = Layer("image", rung.fidelity, rung.detail)
        layers = (image, *observed_layers(job, environment, rung.fidelity is Fidelity.EXACT), code_layer(job, code))
        return Built(python, variables, layers, sandbox, mounts, environment)

    def _code(self, job: CapturedJob, code: str, rung: Rung, scratch: str) -> tuple[list[str], tuple[Mount, ...]]:
        """Return the search path for code, and what of this host it takes."""
        if rung.recipe is not None and rung.recipe.code is not None:
            roots = len(job.source.roots) if job.source else 0
            return [f"{CODE}/{number}" for number in range(roots)], ()
        path = code_path(job, code, scratch)
        return path, tuple(Mount(place, place) for place in path)


def _planned_products(job: CapturedJob, rung: Rung) -> Iterator[Layer]:
    """Yield what will come of the products of EUPS: the very image has its own, a rebuilt one is given this host's."""
    if rung.fidelity is not Fidelity.EXACT:
        yield from eups_layer(job)
    elif "eups" in job.attempt.recipe.software:
        yield Layer("eups", Fidelity.EXACT, "the image's, looked at when it runs")


class DockerEngine(ContainerEngine):
    """Docker."""

    name = "docker"


class PodmanEngine(ContainerEngine):
    """Podman, by the interface that it shares with Docker."""

    name = "podman"


@contextmanager
def _locked(name: str) -> Iterator[None]:
    """Let one process build images while others wait for it."""
    path = os.path.join(cache_dir(), f"{name}.lock")
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
    except OSError as err:
        raise BuildError(f"{err.filename or path}: {err.strerror or err}") from err
