# SPDX-License-Identifier: Apache-2.0
"""What an engine is: it says what it can rebuild of a job, and rebuilds it."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

from ..captured import CapturedQuantum
from ..fidelity import Layer
from ..progress import Progress

__all__ = ("CODE_CHOICES", "Built", "Engine", "cache_dir", "passed_variables")

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
        The interpreter to run.
    variables : mapping
        The whole environment of a process in it.
    layers : `tuple` of `Layer`
        What was reached, for the layers that the engine answers for.
    """

    python: str
    variables: Mapping[str, str]
    layers: tuple[Layer, ...]


class Engine(ABC):
    """Rebuilds the interpreter, the distributions and the code of a job.

    Attributes
    ----------
    name : `str`
        As ``--engine`` spells it.
    """

    name: str

    @abstractmethod
    def plan(self, job: CapturedQuantum, code: str) -> tuple[Layer, ...]:
        """Return what it would reach, without side effects.

        Parameters
        ----------
        job : `CapturedQuantum`
        code : `str`
            ``captured`` or ``current``.
        """

    @abstractmethod
    def build(self, job: CapturedQuantum, code: str, scratch: str, progress: Progress) -> Built:
        """Rebuild.

        Parameters
        ----------
        job : `CapturedQuantum`
        code : `str`
        scratch : `str`
            A directory of this replay's own.
        progress : `Progress`

        Raises
        ------
        BuildError
            If it can't be done.
        """


def cache_dir() -> str:
    """Return where rebuilt environments are kept: ``ENVCAP_CACHE``, else in the user's cache directory."""
    if named := os.environ.get("ENVCAP_CACHE"):
        return os.path.abspath(named)
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(cache, "envcap")


def passed_variables(scratch: str) -> dict[str, str]:
    """Return the variables of a replay that don't come from the manifest: nothing of this user's shell leaks in."""
    passed = {name: v for name, v in os.environ.items() if name in _ACCESS or name.startswith(_ACCESS_PREFIXES)}
    for name in ("HOME", "TMPDIR"):
        passed[name] = os.path.join(scratch, name.lower())
        os.makedirs(passed[name], exist_ok=True)
    # Today's code may stand in the user's own work tree, which a replay only reads.
    return {**passed, "PATH": os.defpath, "PYTHONDONTWRITEBYTECODE": "1"}
