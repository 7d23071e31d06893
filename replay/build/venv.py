# SPDX-License-Identifier: Apache-2.0
"""The engine ``venv``: a virtual environment with the captured distributions, proved by their RECORDs.

It is built on an interpreter of this machine's, or is the captured conda prefix, made anew. Each distribution is
installed as ``name==version`` by uv, and its normalised RECORD is held against the captured one: equal means the same
bytes. An environment is kept under the digest of what it was built from, and proved again, file by
file, each time it is used.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from envcap.artifacts.proof import known_artifact
from envcap.digest import canonical_json, digest_of
from envcap.environment import capture_environment
from envcap.memo import cache_dir
from envcap.model.components import Distribution
from envcap.redact import scrub
from envcap.target import Target

from ..jobs.base import CapturedJob
from ..errors import BuildError
from ..fidelity import Fidelity, Layer
from ..progress import Progress
from ..sandbox.base import Mount, Sandbox
from ..sandbox.bubblewrap import Bubblewrap
from ..sandbox.unconfined import Unconfined
from ..wheels.wanted import wanted_wheels
from ..wheels.wheelhouse import Wheel
from .base import Built, Engine, observed, passed_variables, planned_wheels, wheelhouse
from .code import code_layer, code_path
from .eups import eups_folders, eups_layer, with_products
from .foundation import Foundation, foundation_of
from .installing import UnreachableError, install, install_wheels, kept_wheels, run_uv
from .installed import copy_installed, record_digest, records
from .interpreter import uv_program

__all__ = ("VenvEngine",)

_GENERATOR = "venv 3"
_SECONDS = 1800
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
_VERSION = re.compile(r"[A-Za-z0-9.+!_-]+")
_MAX_NAMED = 5
_MAX_REASON = 240


_NO_PYTHON = Layer("program", Fidelity.REBUILT, "no Python: the programs are this host's, as PATH has them")


class VenvEngine(Engine):
    """Rebuilds interpreter and distributions in the user's cache, and the code in the replay's scratch directory."""

    name = "venv"

    def plan(self, job: CapturedJob, code: str) -> tuple[Layer, ...]:
        """Return what it would reach; what is proved only by building is ``rebuilt`` until then."""
        if not job.has_python:
            return (_NO_PYTHON, *eups_layer(job))
        base = foundation_of(job, offline=self.options.offline)
        rest = (code_layer(job, code), *eups_layer(job))
        if isinstance(base, Layer):
            return (base, self._planned_dists(job, None), *rest)
        return (*base.layers(), self._planned_dists(job, base), *rest)

    def _planned_dists(self, job: CapturedJob, base: Foundation | None) -> Layer:
        if base is not None and os.path.exists(_marker(folder := _folder(job, base))):
            return _proved_dists(job, folder)
        wanted = wanted_wheels(job)
        bad = [d for d in wanted if not _NAME.fullmatch(d.name) or not _VERSION.fullmatch(d.version)]
        if bad:
            return Layer("python_dists", Fidelity.IMPOSSIBLE, f"{bad[0].name!r} {bad[0].version!r} is no distribution")
        if self.options.offline:
            standing = {d.name for folder in job.libraries for d in records(folder).values()}
            lacking = [f"{d.name} {d.version}" for d in kept_wheels(wanted)[1] if d.name not in standing]
            return planned_wheels(len(wanted), lacking, offline=True)
        return Layer("python_dists", Fidelity.REBUILT, f"{len(wanted)} to install, then proved by RECORD")

    def sandbox(self) -> str:
        """Return bubblewrap's, where that is installed."""
        return self._sandbox().describe()

    def _sandbox(self) -> Sandbox:
        return Bubblewrap.found(self.options.limits) or Unconfined(self.options.limits)

    def build(self, job: CapturedJob, code: str, scratch: str, progress: Progress) -> Built:
        """Return the environment, from the cache or newly built."""
        if not job.has_python:
            variables = {**with_products(job, passed_variables()), **job.variables}
            environment = capture_environment(Target.none(variables), job.store)
            layers = (_NO_PYTHON, *eups_layer(job, variables))
            mounts = tuple(Mount(place, place) for place in eups_folders(job))
            return Built("", variables, layers, self._sandbox(), mounts, environment)
        base = foundation_of(job, offline=self.options.offline)
        if isinstance(base, Layer):
            raise BuildError(base.detail)
        folder = _folder(job, base)
        with _locked(folder):
            if not _is_whole(base, folder):
                with progress.step(f"rebuild the environment ({len(job.dists.distributions)} distributions)"):
                    _build(job, base, folder, offline=self.options.offline)
        with progress.step("put the code back"):
            path = code_path(job, code, scratch)
        python = os.path.join(folder, "bin", "python")
        variables = with_products(job, passed_variables())
        variables["PATH"] = os.path.join(folder, "bin") + os.pathsep + variables["PATH"]
        variables |= {**job.variables, "PYTHONPATH": os.pathsep.join(path)}
        dists = _proved_dists(job, folder)
        layers = (*base.reached(folder), dists, code_layer(job, code), *eups_layer(job, variables))
        sandbox = self._sandbox()
        mounts = tuple(Mount(place, place) for place in (folder, *base.places(), *eups_folders(job), *path))
        return Built(python, variables, layers, sandbox, mounts, observed(python, variables, job.store))


def _wanted(job: CapturedJob) -> Sequence[Distribution]:
    """Return the distributions that must be there in the end; an editable one is code, which is put back as such."""
    return [d for d in job.dists.distributions if not d.editable]


def _folder(job: CapturedJob, base: Foundation) -> str:
    inputs = {
        "generator": _GENERATOR,
        **base.key(),
        "distributions": digest_of(job.dists.to_bytes()),
    }
    return os.path.join(cache_dir(), "venv", digest_of(canonical_json(inputs)).removeprefix("sha256:")[:32])


def _site(job: CapturedJob, folder: str) -> str:
    minor = ".".join(job.interpreter.version.split(".")[:2])
    return os.path.join(folder, "lib", f"python{minor}", "site-packages")


def _marker(folder: str) -> str:
    return os.path.join(folder, "envcap-complete.json")


@contextmanager
def _locked(folder: str) -> Iterator[None]:
    """Let one process build an environment while others wait for it."""
    try:
        os.makedirs(os.path.dirname(folder), exist_ok=True)
        with open(folder + ".lock", "w", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
    except OSError as err:
        raise BuildError(f"{folder}: {err.strerror or err}; ENVCAP_CACHE names another place for environments") from err


def _proved_dists(job: CapturedJob, folder: str) -> Layer:
    """Return what an environment holds against what was captured, by RECORD."""
    found = records(_site(job, folder))
    wanted = _wanted(job)
    missing = [d.name for d in wanted if d.name not in found]
    if missing:
        return Layer(
            "python_dists",
            Fidelity.IMPOSSIBLE,
            f"{_named(missing)}: on no index that can be reached, and not to be copied from where the job ran",
        )
    other = [
        f"{d.name} {d.version}" + ("" if d.record else " (no RECORD to prove it by)")
        for d in wanted
        if found[d.name].version != d.version or d.record is None or record_digest(found[d.name]) != d.record
    ]
    if other:
        return Layer("python_dists", Fidelity.SUBSTITUTED, f"another build of {_named(other)}")
    return Layer("python_dists", Fidelity.EXACT, f"{len(wanted)} distributions, each RECORD equal to the captured one")


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MAX_NAMED} more" if len(names) > _MAX_NAMED else ""
    return ", ".join(names[:_MAX_NAMED]) + more


def _is_whole(base: Foundation, folder: str) -> bool:
    """Whether an environment was built to its end, and is now what it was then."""
    try:
        with open(_marker(folder), encoding="utf-8") as stream:
            lacking = json.load(stream)["lacking"]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return base.is_whole(folder, lacking)


def _build(job: CapturedJob, base: Foundation, folder: str, *, offline: bool) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    try:
        _fill(job, base, folder, offline=offline)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)  # it would only take room
        raise


def _fill(job: CapturedJob, base: Foundation, folder: str, *, offline: bool) -> None:
    base.create(folder, run_uv)
    kept, others = kept_wheels(wanted_wheels(job))
    install_wheels(folder, kept)
    from_index, local = _partition(job, others)
    unreachable: UnreachableError | None = None
    try:
        if offline and from_index:
            raise UnreachableError(f"{from_index[0].name}: its wheel is not here, and nothing is fetched (--offline)")
        refused = install(folder, from_index)
    except UnreachableError as err:
        refused, unreachable = from_index, err
    origins = job.libraries
    for distribution in (*local, *refused):
        copy_installed(distribution.name, distribution.record, origins, _site(job, folder))
    # An import would compile each time, since nothing is written there later. These pycs are checked against the source.
    _compile(job, folder)
    if any(d.name not in records(_site(job, folder)) for d in _wanted(job)):
        if unreachable is not None:
            raise unreachable
        return  # not whole: what no index has today may be there tomorrow
    with open(_marker(folder), "w", encoding="utf-8") as stream:
        found = {"distributions": len(wanted_wheels(job)), "lacking": base.lacking(folder)}
        json.dump({"generator": _GENERATOR, **found}, stream)


def _compile(job: CapturedJob, folder: str) -> None:
    command = [os.path.join(folder, "bin", "python"), "-I", "-m", "compileall", "-q", "-j", "0"]
    command += ["--invalidation-mode", "checked-hash", _site(job, folder)]
    try:
        # Some distributions hold files that are no Python of this version; they are only not compiled.
        subprocess.run(command, capture_output=True, timeout=_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as err:
        raise BuildError(f"the rebuilt environment can't be compiled: {err}") from err


def _partition(
    job: CapturedJob, wanted: Sequence[Distribution]
) -> tuple[list[Distribution], list[Distribution]]:
    """Return the distributions that came from an index, and those that came from elsewhere (PEP 610)."""
    origins = job.place("python_dists", "origins")
    elsewhere = origins if isinstance(origins, dict) else {}
    from_index = [d for d in wanted if d.name not in elsewhere]
    return from_index, [d for d in wanted if d.name in elsewhere]
