# SPDX-License-Identifier: Apache-2.0
"""Captures a rebuilt environment where only its sandbox can look, and says how close it came to the job's."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from typing import TypeVar

import envcap
from envcap.environment import Environment
from envcap.errors import EnvcapError
from envcap.model.components import Conda, Eups, Interpreter, OperatingSystem, OsPackages, PythonDists
from envcap.model.document import Document
from envcap.store.local import LocalStore

from ..jobs.base import CapturedJob
from ..conda.packages import conda_of, locked_packages
from ..debs.used import os_packages_layer
from ..errors import BuildError
from ..fidelity import Fidelity, Layer
from ..sandbox.base import Mount, Program, Sandbox

__all__ = ("component_of", "dists_layer", "observe", "observed_layers", "release")

_OBSERVER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "observer.py")
_SECONDS = 120
_MAX_NAMED = 6
_D = TypeVar("_D", bound=Document)


def observe(
    sandbox: Sandbox, python: str, variables: Mapping[str, str], mounts: tuple[Mount, ...], store: LocalStore, scratch: str
) -> Environment:
    """Return what is captured of an environment inside its sandbox; its components are in the store then.

    Raises
    ------
    BuildError
        If it can't be looked at.
    """
    package = os.path.dirname(os.path.abspath(envcap.__file__))
    software = "/run/envcap/software"
    folder = os.path.join(scratch, "observed")
    os.makedirs(folder)
    sandbox.own(folder)
    log = os.path.join(scratch, "observer.log")
    program = Program(
        [python, "-P", _OBSERVER, software, folder],
        {**variables, "HOME": folder},
        (*mounts, Mount(package, f"{software}/envcap"), Mount(_OBSERVER, _OBSERVER), Mount(folder, folder, writable=True)),
        folder,
        log,
    )
    try:
        with sandbox.start(program) as process:
            line = process.receive(_SECONDS)
        if line is None:
            with open(log, encoding="utf-8", errors="replace") as stream:
                raise BuildError(f"the rebuilt environment can't be looked at: {stream.read().strip()[-200:]!r}")
        found = Environment.from_json(line)
        kept = LocalStore(folder)
        for digest in kept.list():
            store.put(kept.get(digest))
    except (EnvcapError, OSError, TimeoutError) as err:
        raise BuildError(f"the rebuilt environment can't be looked at: {err}") from err
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return found


def component_of(environment: Environment, kind: str, cls: type[_D], store: LocalStore) -> _D:
    """Return a component of an observed environment.

    Raises
    ------
    BuildError
        If its collector failed, with the reason.
    """
    descriptor = environment.software.get(kind) or environment.host.get(kind)
    if descriptor is None:
        raise BuildError(f"{kind} of the rebuilt environment can't be told: {environment.outcomes[kind].reason}")
    return cls.from_bytes(store.get(descriptor.digest))


def dists_layer(captured: PythonDists, found: PythonDists, whose: str) -> Layer:
    """Return how the distributions of an environment differ from the captured ones; editable ones are code."""
    there = {d.name: d for d in captured.distributions if not d.editable}
    here = {d.name: d for d in found.distributions if not d.editable}
    named = sorted(f"{n} {there[n].version} → {here[n].version}" for n in there.keys() & here.keys() if here[n] != there[n])
    named += [f"-{n}" for n in sorted(there.keys() - here.keys())]
    named += [f"+{n}" for n in sorted(here.keys() - there.keys())]
    if not named:
        told = f"{len(here)} distributions, each RECORD equal to the captured one"
        return Layer("python_dists", Fidelity.EXACT, told)
    more = f" and {len(named) - _MAX_NAMED} more" if len(named) > _MAX_NAMED else ""
    return Layer("python_dists", Fidelity.SUBSTITUTED, f"{whose}: {', '.join(named[:_MAX_NAMED])}{more}")


def observed_layers(job: CapturedJob, environment: Environment, same_image: bool) -> tuple[Layer, ...]:
    """Return what an image came to, by what was captured in it.

    Parameters
    ----------
    job : `CapturedJob`
    environment : `Environment`
    same_image : `bool`
        Whether it is the very image that the job ran in.
    """
    there, here = job.interpreter, component_of(environment, "interpreter", Interpreter, job.store)
    if there == here:
        close = Fidelity.EXACT if same_image else Fidelity.REBUILT
        interpreter = Layer("interpreter", close, f"{here.implementation} {here.version}, the image's")
    else:
        told = f"the image's {here.implementation} {here.version} instead of {there.implementation} {there.version}"
        interpreter = Layer("interpreter", Fidelity.SUBSTITUTED, told)
    dists = component_of(environment, "python_dists", PythonDists, job.store)
    layers: tuple[Layer, ...] = (
        interpreter,
        dists_layer(job.dists, dists, "the image's"),
        _operating_system(job, environment),
        os_packages_layer(job, _os_packages(job, environment), "the image's"),
    )
    if locked_packages(job):
        layers = (*layers, _conda(job, environment))
    if "eups" in job.attempt.recipe.software:
        layers = (*layers, _eups(job, environment, same_image))
    return layers


def _os_packages(job: CapturedJob, environment: Environment) -> OsPackages | None:
    absent = environment.outcomes["os_packages"].status == "absent"
    return None if absent else component_of(environment, "os_packages", OsPackages, job.store)


def _eups(job: CapturedJob, environment: Environment, same_image: bool) -> Layer:
    """Return the products that are set up inside. In which order can't be told there: the code is put back elsewhere."""
    if environment.outcomes["eups"].status == "absent":
        return Layer("eups", Fidelity.SUBSTITUTED, "no product is set up in the image")
    found = component_of(environment, "eups", Eups, job.store)
    there = {one.name: one for one in job.component("eups", Eups).products}
    here = {one.name: one for one in found.products}
    other = sorted(name for name in there.keys() | here.keys() if there.get(name) != here.get(name))
    if other:
        return Layer("eups", Fidelity.SUBSTITUTED, f"not as captured: {', '.join(other[:_MAX_NAMED])}")
    close = Fidelity.EXACT if same_image else Fidelity.REBUILT
    return Layer("eups", close, f"{len(here)} products, by version and table file")


def _conda(job: CapturedJob, environment: Environment) -> Layer:
    there = conda_of(job)
    here = component_of(environment, "conda", Conda, job.store)
    if here == there:
        return Layer("conda", Fidelity.EXACT, f"{len(here.packages)} packages, each from the captured file")
    named = sorted({p.name for p in here.packages if there is None or p not in there.packages})
    named += sorted({p.name for p in (there.packages if there else ()) if p not in here.packages} - {*named})
    return Layer("conda", Fidelity.SUBSTITUTED, f"the image's packages differ: {', '.join(named[:_MAX_NAMED])}")


def _operating_system(job: CapturedJob, environment: Environment) -> Layer:
    here = component_of(environment, "operating_system", OperatingSystem, job.store)
    try:
        there = job.operating_system
    except EnvcapError as err:
        return Layer("operating_system", Fidelity.SUBSTITUTED, f"unknown: {err}")
    if here == there:
        return Layer("operating_system", Fidelity.EXACT, f"{release(here)}, the image's")
    told = f"the image's {release(here)} instead of {release(there)}"
    if here.timezone != there.timezone:
        told += f"; time zone {here.timezone} instead of {there.timezone}"
    return Layer("operating_system", Fidelity.SUBSTITUTED, told)


def release(found: OperatingSystem) -> str:
    """Return an operating system in a few words."""
    name = f"{found.distribution.get('id', found.system)} {found.distribution.get('version_id', '')}".strip()
    return f"{name}, {found.libc}, {found.machine}"
