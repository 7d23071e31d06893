# SPDX-License-Identifier: Apache-2.0
"""The packages of a captured prefix, each by the very file that it was installed from."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from envcap.model.components import Conda, CondaPackage
from envcap.redact import has_scrubbed

from .. import grammar
from ..errors import ReplayRefusedError
from ..grammar import checked
from ..jobs.base import CapturedJob

__all__ = ("LockedPackage", "conda_of", "locked_packages")


@dataclass(frozen=True)
class LockedPackage:
    """A package. All that reaches a path or a program has been checked against its grammar.

    Attributes
    ----------
    name, version, build, subdir : `str`
    file_name : `str`
    url : `str` or `None`
        Where it was installed from; `None` if that held a credential.
    channel : `str` or `None`
    sha256, md5 : `str` or `None`
        Hexadecimal; one of them is known.
    """

    name: str
    version: str
    build: str
    subdir: str
    file_name: str
    url: str | None
    channel: str | None
    sha256: str | None
    md5: str | None

    @property
    def title(self) -> str:
        """Name and version."""
        return f"{self.name} {self.version}"


def conda_of(job: CapturedJob) -> Conda | None:
    """Return the captured packages; `None` if the job's interpreter was no conda's.

    Raises
    ------
    NotCapturedError
        If they could not be captured.
    """
    outcome = job.manifest.outcomes.get("conda")
    if outcome is None or outcome.status == "absent":
        return None
    return job.component("conda", Conda)


def locked_packages(job: CapturedJob) -> list[LockedPackage]:
    """Return the packages of the prefix that a job's interpreter is in, none if that is no conda's.

    A virtual environment over such a prefix sees nothing of it but the interpreter.

    Raises
    ------
    ReplayRefusedError
        Naming the field that is not what it should be.
    """
    conda = conda_of(job)
    if conda is None or job.place("conda", "prefix") != job.place("interpreter", "prefix"):
        return []
    places = job.place("conda", "urls")
    urls = places if isinstance(places, Mapping) else {}
    return [_locked(number, one, urls.get(one.name)) for number, one in enumerate(conda.packages)]


def _locked(number: int, one: CondaPackage, place: object) -> LockedPackage:
    field = f"conda.packages[{number}]"
    given = one.url or (place if isinstance(place, str) else None)
    url = None if given is None or has_scrubbed(given) else checked(f"{field}.url", given, grammar.URL)
    name = posixpath.basename(unquote(urlsplit(url).path)) if url else f"{one.name}-{one.version}-{one.build}.conda"
    if one.sha256 is None and one.md5 is None:
        raise ReplayRefusedError(f"{field}: {one.name[:80]!r} has no digest, and can't be proved")
    return LockedPackage(
        name=checked(f"{field}.name", one.name, grammar.CONDA_NAME),
        version=checked(f"{field}.version", one.version, grammar.CONDA_VERSION),
        build=checked(f"{field}.build", one.build, grammar.CONDA_VERSION),
        subdir=checked(f"{field}.subdir", one.subdir or "noarch", grammar.CONDA_NAME),
        file_name=checked(f"{field}.url", name, grammar.CONDA_FILE),
        url=url,
        channel=None if one.channel is None else checked(f"{field}.channel", one.channel, grammar.URL),
        sha256=None if one.sha256 is None else checked(f"{field}.sha256", one.sha256, grammar.SHA256),
        md5=None if one.md5 is None else checked(f"{field}.md5", one.md5, grammar.MD5),
    )
