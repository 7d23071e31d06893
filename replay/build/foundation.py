# SPDX-License-Identifier: Apache-2.0
"""What an environment is built on: an interpreter of this machine's, or a conda prefix that is made anew."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from envcap.collectors.conda import CondaCollector
from envcap.collectors.installed_files import CONTENT, STAT, Installation
from envcap.errors import EnvcapError
from envcap.model.components import Conda
from envcap.model.descriptor import describe_bytes
from envcap.target import Target

from ..conda.gathering import CondaGatherer, kept_packages
from ..conda.packages import LockedPackage, conda_of, locked_packages
from ..conda.prefix import make_prefix
from ..errors import BuildError, ReplayRefusedError
from ..fidelity import Fidelity, Layer
from ..jobs.base import CapturedJob
from .interpreter import FoundPython, find_python, interpreter_layer, interpreter_places

__all__ = ("CondaPrefix", "Foundation", "HostPython", "conda_layer", "foundation_of")

_SHOWN = 3


class Foundation(ABC):
    """What distributions are installed into.

    Parameters
    ----------
    job : `CapturedJob`
    """

    def __init__(self, job: CapturedJob) -> None:
        self._job = job

    @abstractmethod
    def layers(self) -> tuple[Layer, ...]:
        """Return how close it is, or will be, to the job's."""

    @abstractmethod
    def key(self) -> dict[str, str]:
        """Return what tells it from others, as far as what is built on it goes."""

    @abstractmethod
    def create(self, folder: str, uv: Callable[..., None]) -> None:
        """Make the environment, without distributions of pip's.

        Raises
        ------
        BuildError
            If it can't be made.
        """

    @abstractmethod
    def reached(self, folder: str) -> tuple[Layer, ...]:
        """Return how close what was made is to the job's."""

    def is_whole(self, folder: str, lacking: Collection[str] = ()) -> bool:
        """Whether all files in an environment are as packages and distributions brought them, and there is no other.

        Parameters
        ----------
        folder : `str`
        lacking : collection of `str`
            Files that it never had.
        """
        found = Installation(self.target(folder)).check(CONTENT)
        return not found.modified and not found.stray and set(found.missing) <= set(lacking)

    def lacking(self, folder: str) -> list[str]:
        """Return the files that a new environment lacks: scripts of distributions that no index has."""
        return sorted(Installation(self.target(folder)).check(STAT).missing)

    def target(self, folder: str) -> Target:
        """Return the environment as collectors take one; nothing of it is run."""
        version = self._job.interpreter.version
        library = os.path.join(folder, "lib", f"python{'.'.join(version.split('.')[:2])}")
        python = os.path.join(folder, "bin", "python")
        path = [library, os.path.join(library, "lib-dynload"), os.path.join(library, "site-packages")]
        return Target((python, folder, "cpython", version, None, path, library), {})

    @abstractmethod
    def places(self) -> list[str]:
        """Return the directories of this host that it needs beside itself."""


class HostPython(Foundation):
    """An interpreter of this machine's, under a virtual environment.

    Parameters
    ----------
    job : `CapturedJob`
    found : `FoundPython`
    """

    def __init__(self, job: CapturedJob, found: FoundPython) -> None:
        super().__init__(job)
        self._found = found

    def layers(self) -> tuple[Layer, ...]:
        """Return the interpreter against the captured one."""
        return (interpreter_layer(self._job, self._found),)

    def key(self) -> dict[str, str]:
        """Return where it is, and its version."""
        return {"python": os.path.realpath(self._found.path), "version": self._found.version}

    def create(self, folder: str, uv: Callable[..., None]) -> None:
        """Make a virtual environment."""
        uv("venv", "--quiet", "--no-project", "--python", self._found.path, folder)

    def reached(self, folder: str) -> tuple[Layer, ...]:
        """Return the interpreter against the captured one."""
        return self.layers()

    def places(self) -> list[str]:
        """Return the directory that the interpreter and its library are in."""
        return interpreter_places(self._found)


class CondaPrefix(Foundation):
    """The captured conda prefix, from its packages.

    Parameters
    ----------
    job : `CapturedJob`
    packages : sequence of `LockedPackage`
    offline : `bool`
        Fetch nothing.
    """

    def __init__(self, job: CapturedJob, packages: Sequence[LockedPackage], *, offline: bool) -> None:
        super().__init__(job)
        self._packages = packages
        self._gatherer = CondaGatherer(kept_packages(), offline=offline)
        self._offline = offline

    def layers(self) -> tuple[Layer, ...]:
        """Return what will be made, and whether all of it can be had."""
        interpreter = self._job.interpreter
        told = f"{interpreter.implementation} {interpreter.version}, conda's"
        return (Layer("interpreter", Fidelity.REBUILT, told), conda_layer(self._packages, self._gatherer, self._offline))

    def key(self) -> dict[str, str]:
        """Return the digest of the packages."""
        return {"conda": self._job.attempt.recipe.software["conda"].digest}

    def create(self, folder: str, uv: Callable[..., None]) -> None:
        """Make the prefix."""
        found, reasons = self._gatherer.gather(self._packages)
        for one, why in reasons.items():
            raise BuildError(f"conda is impossible: {one.title}: {why}")
        make_prefix(kept_packages(), found, Path(folder))

    def reached(self, folder: str) -> tuple[Layer, ...]:
        """Return the prefix's own records against the captured ones."""
        interpreter = self._job.interpreter
        told = f"{interpreter.implementation} {interpreter.version}, conda's"
        return (Layer("interpreter", Fidelity.REBUILT, told), self._conda(folder))

    def _conda(self, folder: str) -> Layer:
        captured = conda_of(self._job)
        found = CondaCollector().collect(self.target(folder), describe_bytes).component
        assert isinstance(found, Conda)
        assert captured is not None
        there, here = ({(p.name, p.version, p.build): p.sha256 or p.md5 for p in one.packages} for one in (captured, found))
        other = sorted(key[0] for key in there.keys() ^ here.keys())
        if other:
            return Layer("conda", Fidelity.SUBSTITUTED, f"other packages: {', '.join(other[:_SHOWN])}")
        return Layer("conda", Fidelity.EXACT, f"{len(here)} packages, each from the captured file")

    def places(self) -> list[str]:
        """Return none: it holds all that it needs."""
        return []


def conda_layer(packages: Sequence[LockedPackage], gatherer: CondaGatherer, offline: bool) -> Layer:
    """Return whether packages can be had, before they are."""
    lacking = gatherer.lacking(packages)
    unreachable = [one for one in lacking if one.url is None or offline]
    if unreachable:
        why = "nothing is fetched (--offline)" if offline else "it was installed by an address that held a credential"
        more = f" and {len(unreachable) - 1} more" if len(unreachable) > 1 else ""
        return Layer("conda", Fidelity.IMPOSSIBLE, f"{unreachable[0].title}{more}: its package is not here, and {why}")
    fetched = f", {len(lacking)} of them to be fetched" if lacking else ""
    return Layer("conda", Fidelity.REBUILT, f"{len(packages)} packages by hash{fetched}, without a solve")


def foundation_of(job: CapturedJob, *, offline: bool) -> Foundation | Layer:
    """Return what a job's environment is built on, else the layer that says why there is nothing."""
    try:
        packages = locked_packages(job)
    except (EnvcapError, ReplayRefusedError) as err:
        return Layer("conda", Fidelity.IMPOSSIBLE, str(err))
    if packages:
        return CondaPrefix(job, packages, offline=offline)
    found = find_python(job)
    return interpreter_layer(job, None) if found is None else HostPython(job, found)
