# SPDX-License-Identifier: Apache-2.0
"""The packages that conda, mamba, pixi or rattler installed into the target's prefix, from ``conda-meta``.

The records name the very artifacts (URL, digests), which is what a lock is made from. Installers differ in how they
write a channel, so it is taken from the URL. A channel in a directory is a place, and is kept as one.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping

from ..errors import CollectorError
from ..model.components import Conda, CondaPackage
from ..redact import scrub
from ..target import Target
from .base import NO_PYTHON, Absent, Collected, Collector, Keep
from .bounded import read_bounded

__all__ = ("MAX_RECORD", "CondaCollector", "conda_prefix", "owned_metadata")

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MAX_RECORD = 1 << 26
"""Largest record that is read, in bytes; the largest packages have a few ten thousand files at 400 bytes each."""

_META = "conda-meta"
_MAX_PYVENV_CFG = 1 << 16
_OF_A_DISTRIBUTION = (b".dist-info/METADATA", b".egg-info/PKG-INFO")
_REQUIRED = ("name", "version", "build")
_metadata: dict[str, tuple[int, tuple[str, ...]]] = {}
"""By record, when it was changed last and what `owned_metadata` takes from it: two collectors need it."""
_OPTIONAL = ("subdir", "md5", "sha256", "url", "channel")


class CondaCollector(Collector):
    """Reads ``conda-meta/*.json``; nothing is imported or run."""

    kind = "conda"

    def looked_at(self, target: Target) -> Iterator[str]:
        """Return all records, and what says whose prefix it is."""
        yield os.path.join(target.prefix, "pyvenv.cfg")
        yield os.path.join(target.prefix, _META)
        prefix = conda_prefix(target) if target.executable else None
        if prefix is not None:
            meta = os.path.join(prefix, _META)
            yield meta
            yield from (f"{meta}/{name}" for name in _listed(meta) if name.endswith(".json"))

    def collect(self, target: Target, keep: Keep) -> Collected:
        """Return all packages of the target's prefix, or of the prefix that its virtual environment was made from."""
        if not target.executable:
            raise Absent(NO_PYTHON)
        prefix = conda_prefix(target)
        if prefix is None:
            raise Absent(f"no {_META} in {target.prefix}")
        records = list(_records(os.path.join(prefix, _META)))
        if not records:
            raise Absent(f"no package in {prefix}/{_META}")
        _scrub_urls(records)
        urls = {}
        depends = {}
        packages = []
        for record in records:
            # Channels mend what a package depends on after it was built: that is no identity of the package.
            depends[record["name"]] = record.pop("depends", "").splitlines()
            url = record.get("url", "")
            if url.startswith("file:"):
                urls[record["name"]] = record.pop("url")
            record["channel"] = _channel(record)
            packages.append(CondaPackage(**{name: text for name, text in record.items() if text}))
        packages.sort(key=lambda p: (p.name, p.version, p.build))
        return Collected(Conda(packages=packages), {"prefix": prefix, "urls": urls, "depends": depends})


def conda_prefix(target: Target) -> str | None:
    """Return the prefix that conda made and the target's interpreter belongs to, `None` if it is no conda's."""
    for prefix in (target.prefix, _base_prefix(target)):
        if prefix and os.path.lexists(os.path.join(prefix, _META)):
            return prefix
    return None


def owned_metadata(prefix: str) -> frozenset[str]:
    """Return the metadata directories of Python distributions that packages of conda's brought.

    Raises
    ------
    CollectorError
        If a record can't be read.
    """
    meta = os.path.join(prefix, _META)
    paths: set[str] = set()
    for name in _listed(meta):
        if name.endswith(".json"):
            record = os.path.join(meta, name)
            known = _metadata.get(record)
            if known is None or known[0] != os.stat(record).st_ctime_ns:
                _read(record)
            paths.update(_metadata[record][1])
    folders = {folder: os.path.realpath(os.path.join(prefix, folder)) for folder in map(os.path.dirname, paths)}
    return frozenset(os.path.join(folders[os.path.dirname(path)], os.path.basename(path)) for path in paths)


def _read(path: str) -> bytes:
    """Return the bytes of a record, and note the metadata directories of distributions that it names."""
    changed = os.stat(path).st_ctime_ns
    data = read_bounded(path, MAX_RECORD)
    found = []
    for mark in _OF_A_DISTRIBUTION:
        end = data.find(mark)
        while end >= 0:
            start = data.rfind(b'"', 0, end) + 1
            found.append(data[start : end + len(mark)].decode("utf-8", "replace").rpartition("/")[0])
            end = data.find(mark, end + 1)
    _metadata[path] = changed, tuple(found)
    return data


def _base_prefix(target: Target) -> str | None:
    """Return the prefix that a virtual environment was made from, as ``pyvenv.cfg`` tells (PEP 405)."""
    try:
        text = read_bounded(os.path.join(target.prefix, "pyvenv.cfg"), _MAX_PYVENV_CFG).decode("utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except UnicodeDecodeError as err:
        raise CollectorError(f"{target.prefix}/pyvenv.cfg: {err}") from err
    for line in text.splitlines():
        name, equals, home = map(str.strip, line.partition("="))
        if equals and name.lower() == "home":
            # Where the interpreter stands, or a link to it.
            interpreter = os.path.realpath(os.path.join(home, os.path.basename(target.executable)))
            return os.path.dirname(os.path.dirname(interpreter))
    return None


def _records(folder: str) -> Iterator[dict[str, str]]:
    for name in _listed(folder):
        if name.endswith(".json"):
            yield _record(os.path.join(folder, name))


def _listed(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError as err:
        raise CollectorError(f"{folder}: {err.strerror or err}") from err


def _record(path: str) -> dict[str, str]:
    """Return the members of a record that are kept."""
    try:
        found = _parsed(_read(path))
    except OSError as err:
        raise CollectorError(f"{path}: {err.strerror or err}") from err
    except (ValueError, RecursionError) as err:
        raise CollectorError(f"{path}: no JSON: {err}") from err
    if not isinstance(found, dict):
        raise CollectorError(f"{path}: no JSON object")
    kept = {name: found[name] for name in _REQUIRED + _OPTIONAL if found.get(name) is not None}
    for name in _REQUIRED:
        if not kept.get(name):
            raise CollectorError(f"{path}: it has no {name}")
    for name, value in kept.items():
        if not isinstance(value, str):
            raise CollectorError(f"{path}: its {name} is no text")
    depends = found.get("depends") or []
    if not isinstance(depends, list) or not all(isinstance(one, str) for one in depends):
        raise CollectorError(f"{path}: what it depends on is no list of texts")
    return {**kept, "depends": "\n".join(depends)}


def _parsed(data: bytes) -> Any:
    """Parse a record, if possible without its lists of files, which are nearly all of it."""
    short = _without_list(_without_list(data, b'"files": [\n'), b'"paths": [\n')
    try:
        return json.loads(short)
    except ValueError:
        if len(short) == len(data):
            raise
        return json.loads(data)


def _without_list(data: bytes, beginning: bytes) -> bytes:
    """Return an indented JSON text with a list emptied: all up to the bracket that stands below its member's name.

    In no JSON text does a cut elsewhere leave JSON: what follows a bracket in a text or in an inner list can't follow
    the end of the list. So a wrong guess is noticed.
    """
    at = data.find(beginning)
    line = data.rfind(b"\n", 0, max(at, 0))
    if line < 0:
        return data
    start = at + len(beginning)
    ending = data[line:at] + b"]"
    # A search for one byte is much faster than one for the whole ending, and names of files rarely have brackets.
    end = data.find(b"]", start)
    while end >= 0 and data[end + 1 - len(ending) : end + 1] != ending:
        end = data.find(b"]", end + 1)
    return data[:start] + data[end:] if end >= 0 else data


def _scrub_urls(records: list[dict[str, str]]) -> None:
    """Take credentials out of URLs. Nearly always there are none: a look at the few folders is enough."""
    seen = {record.get("channel", "") for record in records}
    for record in records:
        url = record.get("url", "")
        seen.add(url if any(mark in url for mark in "?#") else os.path.dirname(url))
    together = "\n".join(seen)
    if scrub(together) != together:
        for record in records:
            record.update({member: scrub(record[member]) for member in ("url", "channel") if member in record})


def _channel(record: Mapping[str, str]) -> str:
    """Return the channel as its URL, which installers write with or without a slash, a directory, a hidden token.

    It is empty for a channel that is a place.
    """
    folder = record.get("url", "").rpartition("/")[0]
    subdir = "/" + record.get("subdir", "")
    if folder and subdir != "/" and folder.endswith(subdir):
        return folder.removesuffix(subdir)
    stated = record.get("channel", "").rstrip("/")
    return "" if stated.startswith("file:") else stated
