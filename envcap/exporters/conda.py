# SPDX-License-Identifier: Apache-2.0
"""Locks of a conda prefix, from what is installed and not from what was asked for: nothing has to be solved again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping

from ..errors import FormatError, UsageError
from ..model.components import Conda, CondaPackage, PythonArtifacts
from ..redact import has_scrubbed
from ..store.base import ObjectStore
from ..store.index import Attempt
from .artifacts import artifacts_of, captured, site_of, why_left_out
from .base import Exported, Exporter

__all__ = ("CondaLockExporter", "ExplicitExporter")

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_ANY = "noarch"
_NO_MD5 = "it has no MD5, which conda-lock asks for"
_NO_URL = "it was installed by an address that held a credential"


class ExplicitExporter(Exporter):
    """The list that ``conda list --explicit --md5`` prints, which conda, mamba and rattler install without a solve."""

    format = "explicit"
    suffix = ".txt"

    def export(self, attempt: Attempt, store: ObjectStore) -> Exported:
        """Return the list, what others depend on first."""
        conda = captured(attempt, store, "conda", Conda)
        place = site_of(attempt, store, "conda")
        lines, left_out = [f"# platform: {_platform(conda)}", "@EXPLICIT"], {}
        for one in _sorted(conda, _depends(place)):
            url = _url(one, place)
            if url is None:
                left_out[f"{one.name} {one.version}"] = _NO_URL
            else:
                lines.append(f"{url}#{one.md5}" if one.md5 else f"{url}#sha256:{one.sha256}" if one.sha256 else url)
        return Exported("\n".join(lines) + "\n", left_out)


class CondaLockExporter(Exporter):
    """A lock of conda-lock's, version 1, written by its own models; beside conda's packages it has those of pip's."""

    format = "conda-lock"
    suffix = ".yml"

    def export(self, attempt: Attempt, store: ObjectStore) -> Exported:
        """Return the lock."""
        try:
            import yaml
            from conda_lock.lockfile.v2prelim.models import Lockfile
        except ImportError as err:
            raise UsageError(f"conda-lock's format is written by it: pip install 'envcap[export]' ({err})") from err
        conda = captured(attempt, store, "conda", Conda)
        place = site_of(attempt, store, "conda")
        platform = _platform(conda)
        depends, left_out = _depends(place), {}
        packages: list[dict[str, Any]] = []
        for one in conda.packages:
            url, hashes = _url(one, place), {name: getattr(one, name) for name in ("md5", "sha256")}
            if url is None or not one.md5:
                left_out[f"{one.name} {one.version}"] = (
                    _NO_URL if url is None else "it has no MD5, which conda-lock asks for"
                )
                continue
            wants = {name: rest for name, _, rest in (text.partition(" ") for text in depends.get(one.name, ()))}
            packages.append(
                _entry(one.name, one.version, "conda", url, hashes) | {"dependencies": wants, "build": one.build}
            )
        packages += _of_pip(artifacts_of(attempt, store), left_out)
        channels = sorted({one.channel for one in conda.packages if one.channel and not has_scrubbed(one.channel)})
        content = hashlib.sha256("\n".join(sorted(one.sha256 or one.md5 or "" for one in conda.packages)).encode())
        document = {
            "metadata": {
                "content_hash": {platform: content.hexdigest()},
                "channels": [{"url": channel, "used_env_vars": []} for channel in channels],
                "platforms": [platform],
                "sources": [],
            },
            "package": [{**one, "platform": platform, "categories": {"main"}} for one in packages],
        }
        try:
            lock = Lockfile.model_validate(document)
        except ValueError as err:
            raise FormatError(f"conda-lock takes no such lock: {' '.join(str(err).split())[:200]}") from err
        lock.alphasort_inplace()
        head = "# From an installed prefix: every package is the one that was there.\n"
        return Exported(head + yaml.safe_dump(lock.to_v1().dict_for_output(), sort_keys=False), left_out)


def _of_pip(found: PythonArtifacts, left_out: dict[str, str]) -> Iterator[dict[str, Any]]:
    for one in found.artifacts:
        if one.origin == "index" and one.sha256 and one.url:
            yield _entry(one.name, one.version, "pip", one.url, {"sha256": one.sha256})
        elif one.origin != "conda":
            left_out[f"{one.name} {one.version}"] = why_left_out(one)


def _entry(name: str, version: str, manager: str, url: str, hashes: Mapping[str, str | None]) -> dict[str, Any]:
    known = {kind: value for kind, value in hashes.items() if value is not None}
    return {"name": name, "version": version, "manager": manager, "url": url, "hash": known, "dependencies": {}}


def _url(one: CondaPackage, place: Mapping[str, object]) -> str | None:
    """Return where a package came from; a channel in a directory is a place."""
    urls = place.get("urls")
    found = one.url or (urls.get(one.name) if isinstance(urls, Mapping) else None)
    return found if isinstance(found, str) and not has_scrubbed(found) else None


def _depends(place: Mapping[str, object]) -> dict[str, list[str]]:
    """Return what packages depend on, as conda writes it (``NAME VERSION BUILD``), without virtual packages."""
    found = place.get("depends")
    lists = found if isinstance(found, Mapping) else {}
    return {name: [str(one) for one in wants if not str(one).startswith("__")] for name, wants in lists.items()}


def _platform(conda: Conda) -> str:
    return next((one.subdir for one in conda.packages if one.subdir and one.subdir != _ANY), "linux-64")


def _sorted(conda: Conda, depends: Mapping[str, list[str]]) -> Iterator[CondaPackage]:
    """Yield packages, each behind those that it depends on; where they depend on each other, by name."""
    from graphlib import CycleError, TopologicalSorter

    known = {one.name: one for one in conda.packages}
    graph = {name: sorted({want.split()[0] for want in depends.get(name, ())} & known.keys()) for name in sorted(known)}
    try:
        order = list(TopologicalSorter(graph).static_order())
    except CycleError:
        order = sorted(known)
    yield from (known[name] for name in order)
