# SPDX-License-Identifier: Apache-2.0
"""Proves which file each distribution was installed from: the one whose RECORD is the installed one's.

RECORD has the hash of every file, so an equal RECORD is equal content. What was proved once holds for ever, and is kept
by the RECORD's digest.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress

from ..collectors.base import NO_PYTHON, Absent
from ..collectors.conda import conda_prefix, owned_metadata
from ..collectors.python_dists import installed_distributions, is_editable, normalised_record
from ..errors import FormatError
from ..memo import cache_dir
from ..model.components import Artifact, PythonArtifacts
from ..redact import scrub
from ..target import Target
from .installed import InstalledWheel
from .locating import Located, locate, locate_by_tags
from .remote_wheel import remote_record
from .wheel_target import WheelTarget

__all__ = ("known_artifact", "prove", "prove_artifacts")

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


_THREADS = 8


def prove_artifacts(target: Target) -> PythonArtifacts:
    """Return where each distribution of an environment came from; of one that can't be proved, why.

    Raises
    ------
    Absent
        If the target is no Python program.
    CollectorError
        If no index can be reached, or a record can't be read.
    """
    if not target.executable:
        raise Absent(NO_PYTHON)
    prefix = conda_prefix(target)
    of_conda = owned_metadata(prefix) if prefix is not None else frozenset()
    found = list(installed_distributions(target.path))
    conda = [one for one in found if os.path.realpath(one.info) in of_conda]
    libc = os.confstr("CS_GNU_LIBC_VERSION") or "unknown"
    return prove(
        [InstalledWheel.of(one) for one in found if one not in conda],
        [InstalledWheel.of(one) for one in conda],
        WheelTarget(target.version, os.uname().machine, libc),
    )


def prove(wanted: Iterable[InstalledWheel], of_conda: Iterable[InstalledWheel], target: WheelTarget) -> PythonArtifacts:
    """Return where distributions came from; of one that can't be proved, why.

    Parameters
    ----------
    wanted, of_conda : iterable of `InstalledWheel`
        The second came in packages of conda's, which are locked by themselves.
    target : `WheelTarget`

    Raises
    ------
    CollectorError
        If no index can be reached.
    """
    artifacts = [_artifact(one, "conda") for one in of_conda]
    unknown: list[InstalledWheel] = []
    for one in wanted:
        if one.origin.get("url"):
            artifacts.append(_direct(one))
        elif (known := known_artifact(one.name, one.version, one.record)) is not None:
            artifacts.append(known)
        else:
            unknown.append(one)
    artifacts += _proved(target, unknown)
    artifacts.sort(key=lambda one: one.name)
    return PythonArtifacts(artifacts=artifacts)


def _artifact(one: InstalledWheel, origin: str, **members: Any) -> Artifact:
    return Artifact(name=one.name, version=one.version, record=one.record, origin=origin, **members)


def _direct(one: InstalledWheel) -> Artifact:
    """Return what ``direct_url.json`` tells (PEP 610)."""
    url = scrub(str(one.origin["url"]))
    vcs, archive = one.origin.get("vcs_info"), one.origin.get("archive_info")
    if isinstance(vcs, Mapping):
        return _artifact(one, str(vcs.get("vcs", "vcs")), url=url, commit=vcs.get("commit_id"))
    if isinstance(archive, Mapping):
        hashes = archive.get("hashes")
        sha256 = hashes.get("sha256") if isinstance(hashes, Mapping) else None
        if sha256 is None and str(archive.get("hash", "")).startswith("sha256="):
            sha256 = str(archive["hash"]).partition("=")[2]
        return _artifact(one, "archive", url=url, sha256=sha256, file_name=os.path.basename(url))
    return _artifact(one, "editable" if is_editable(one.origin) else "directory", url=url)


def _proved(target: WheelTarget, unknown: Sequence[InstalledWheel]) -> list[Artifact]:
    from concurrent.futures import ThreadPoolExecutor

    provable = [one for one in unknown if one.record is not None]
    bare = [one for one in unknown if one.record is None]
    found = [_artifact(one, "unproved", reason="it has no RECORD to prove it by") for one in bare]
    located = locate(target, provable) if provable else {}
    with ThreadPoolExecutor(_THREADS) as pool:
        return found + list(pool.map(lambda one: _prove(target, one, located[one.name]), provable))


def _prove(target: WheelTarget, one: InstalledWheel, first: Located | str) -> Artifact:
    """Return a distribution's file, found at the first or the second try, else why it is not."""
    tried: list[str] = []
    for located in (first, None):
        candidate = locate_by_tags(target, one) if located is None else located
        if isinstance(candidate, str):
            tried.append(candidate)
            continue
        record, size = remote_record(candidate.url)
        if normalised_record(record) == one.record:
            artifact = _artifact(
                one,
                "index",
                url=scrub(candidate.url),
                file_name=candidate.file_name,
                sha256=candidate.sha256,
                size=size,
            )
            _memorise(artifact)
            return artifact
        tried.append(f"{candidate.file_name} on the index has another RECORD")
    return _artifact(one, "unproved", reason="; ".join(dict.fromkeys(tried)))


def _path(record: str) -> str:
    return os.path.join(cache_dir(), "artifacts", f"{record.partition(':')[2]}.json")


def known_artifact(name: str, version: str, record: str | None) -> Artifact | None:
    """Return what was proved of a distribution before on this machine, by the digest of its normalised RECORD."""
    if record is None:
        return None
    try:
        with open(_path(record), "rb") as stream:
            found = Artifact.checked(json.load(stream))
    except (OSError, ValueError, FormatError):
        return None
    return found if (found.name, found.version, found.record) == (name, version, record) else None


def _memorise(artifact: Artifact) -> None:
    assert artifact.record is not None
    path = _path(artifact.record)
    making = f"{path}.{os.getpid()}"
    with suppress(OSError):  # it is a cache: what can't be kept is proved again
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(making, "wb") as stream:
            stream.write(artifact.to_bytes())
        os.rename(making, path)
