# SPDX-License-Identifier: Apache-2.0
"""What an engine is: it says what it can rebuild of a job, and rebuilds it."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from envcap.environment import Environment, capture_environment
from envcap.memo import cache_dir
from envcap.store.local import LocalStore
from envcap.target import Target

from ..jobs.base import CapturedJob
from ..fidelity import Fidelity, Layer
from ..progress import Progress
from ..sandbox.base import Limits, Mount, Sandbox
from ..wheels.wheelhouse import Wheelhouse

__all__ = (
    "CODE_CHOICES",
    "Built",
    "Engine",
    "EngineOptions",
    "observed",
    "own_directories",
    "passed_variables",
    "planned_wheels",
    "wheelhouse",
)

CODE_CHOICES = ("captured", "current")

# Without these, a repository on a server or in a bucket can't be opened; none of them reaches a result.
_ACCESS = ("DAF_BUTLER_REPOSITORY_INDEX", "SSL_CERT_FILE", "SSL_CERT_DIR", "CURL_CA_BUNDLE",
           "REQUESTS_CA_BUNDLE")  # fmt: skip
_ACCESS_PREFIXES = ("AWS_", "S3_", "PG", "LSST_RESOURCES_", "LSST_DB_AUTH")


@dataclass(frozen=True)
class Built:
    """A rebuilt environment.

    Attributes
    ----------
    python : `str`
        The interpreter to run, as the sandbox sees it.
    variables : mapping
        The whole environment of a process in it.
    layers : `tuple` of `Layer`
        What was reached, for the layers that the engine answers for.
    sandbox : `Sandbox`
        Where its processes run.
    mounts : `tuple` of `Mount`
        What of this host belongs to it.
    environment : `Environment`
        What was captured in it, as of any job.
    """

    python: str
    variables: Mapping[str, str]
    layers: tuple[Layer, ...]
    sandbox: Sandbox
    mounts: tuple[Mount, ...]
    environment: Environment


@dataclass(frozen=True)
class EngineOptions:
    """What a user may ask of any engine.

    Attributes
    ----------
    limits : `Limits`
        What a payload may use.
    base : `str` or `None`
        The image to build on, for engines that build images.
    offline : `bool`
        Fetch nothing: what isn't here is impossible.
    """

    limits: Limits = field(default_factory=Limits)
    base: str | None = None
    offline: bool = False


class Engine(ABC):
    """Rebuilds the interpreter, the distributions and the code of a job.

    Attributes
    ----------
    name : `str`
        As ``--engine`` spells it.

    Parameters
    ----------
    options : `EngineOptions`
    """

    name: str

    def __init__(self, options: EngineOptions) -> None:
        self.options = options

    @abstractmethod
    def plan(self, job: CapturedJob, code: str) -> tuple[Layer, ...]:
        """Return what it would reach, without side effects.

        Parameters
        ----------
        job : `CapturedJob`
        code : `str`
            ``captured`` or ``current``.
        """

    @abstractmethod
    def sandbox(self) -> str:
        """Return in a few words what it holds a payload to."""

    @abstractmethod
    def build(self, job: CapturedJob, code: str, scratch: str, progress: Progress) -> Built:
        """Rebuild.

        Parameters
        ----------
        job : `CapturedJob`
        code : `str`
        scratch : `str`
            A directory of this replay's own.
        progress : `Progress`

        Raises
        ------
        BuildError
            If it can't be done.
        """


def wheelhouse() -> Wheelhouse:
    """Return the user's wheelhouse."""
    return Wheelhouse(os.path.join(cache_dir(), "wheels"))


def planned_wheels(count: int, lacking: Sequence[str], *, offline: bool) -> Layer:
    """Return what can be said of distributions before they are installed.

    Parameters
    ----------
    count : `int`
        How many there are.
    lacking : sequence of `str`
        Those whose wheels aren't kept.
    offline : `bool`
        Whether they can't be fetched either.
    """
    if lacking and offline:
        more = f" and {len(lacking) - 1} more" if len(lacking) > 1 else ""
        told = f"{lacking[0]}{more}: its wheel is not here, and nothing is fetched (--offline)"
        return Layer("python_dists", Fidelity.IMPOSSIBLE, told)
    fetched = f", {len(lacking)} of them to be fetched" if lacking else ""
    return Layer("python_dists", Fidelity.REBUILT, f"{count} wheels by hash{fetched}, then proved by RECORD")


def passed_variables() -> dict[str, str]:
    """Return the variables of a replay that don't come from the manifest: nothing of this user's shell leaks in."""
    passed = {name: v for name, v in os.environ.items() if name in _ACCESS or name.startswith(_ACCESS_PREFIXES)}
    # Today's code may stand in the user's own work tree, which a replay only reads.
    return {**passed, "PATH": os.defpath, "PYTHONDONTWRITEBYTECODE": "1"}


def own_directories(scratch: str, sandbox: Sandbox) -> dict[str, str]:
    """Make the home and the temporary directory of one quantum, and return the variables that name them."""
    found = {}
    for name in ("HOME", "TMPDIR"):
        found[name] = os.path.join(scratch, name.lower())
        os.makedirs(found[name], exist_ok=True)
        sandbox.own(found[name])
    return found


def observed(python: str, variables: Mapping[str, str], store: LocalStore) -> Environment:
    """Return what is captured of an environment of this host."""
    return capture_environment(Target.of_command([python], variables), store)
