# SPDX-License-Identifier: Apache-2.0
"""Which package brought a file: a distribution's RECORD, a record of conda's, or the operating system's books tell."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator

from ..errors import CollectorError
from .bounded import read_bounded
from .conda import MAX_RECORD
from .os_packages import APK, rpm_query
from .python_dists import InstalledDistribution

__all__ = ("owners_of",)

_SITE = re.compile(r"^(.*/(?:site|dist)-packages)/(.*)$")
_DPKG_LISTS = "var/lib/dpkg/info"
_MAX_LIST = 1 << 26
_RPM_SECONDS = 60


def owners_of(paths: Iterable[str], root: str = "/") -> dict[str, str]:
    """Return the owner of each file that has one, behind its manager's name (``dpkg libc6``).

    Parameters
    ----------
    paths : iterable of `str`
    root : `str`
        Where the operating system's paths begin.

    Raises
    ------
    CollectorError
        If a manager's books can't be read.
    """
    wanted = set(paths)
    found: dict[str, str] = {}
    for of in (_python, _conda):
        found.update(of(wanted - found.keys()))
    for manager in (_dpkg, _rpm, _apk):
        found.update(manager(wanted - found.keys(), root))
    return found


def _python(paths: set[str]) -> Iterator[tuple[str, str]]:
    folders: dict[str, dict[bytes, str]] = {}
    for path in paths:
        if match := _SITE.match(path):
            folders.setdefault(match[1], {})[os.fsencode(match[2])] = path
    for folder, inside in folders.items():
        for name in os.listdir(folder):
            if name.endswith(".dist-info") and inside:
                distribution = InstalledDistribution(os.path.join(folder, name))
                rows = os.fsencode(distribution.read_record() or "").split(b"\n")
                for row in inside.keys() & {row.split(b",", 1)[0] for row in rows}:
                    yield inside.pop(row), f"python {distribution.name}"


def _conda(paths: set[str]) -> Iterator[tuple[str, str]]:
    for prefix in _prefixes(paths):
        meta = os.path.join(prefix, "conda-meta")
        inside = {path[len(prefix) + 1 :].encode(): path for path in paths if path.startswith(prefix + "/")}
        for name in os.listdir(meta):
            data = read_bounded(os.path.join(meta, name), MAX_RECORD) if name.endswith(".json") else b""
            for part in [part for part in inside if b'"' + part + b'"' in data]:
                yield inside.pop(part), f"conda {name.removesuffix('.json').rsplit('-', 2)[0]}"


def _prefixes(paths: set[str]) -> set[str]:
    """Return the prefixes of conda's among the directories above some files."""
    above = set()
    for path in paths:
        folder = os.path.dirname(path)
        while folder not in above and len(folder) > 1:
            above.add(folder)
            folder = os.path.dirname(folder)
    return {folder for folder in above if os.path.isdir(os.path.join(folder, "conda-meta"))}


def _dpkg(paths: set[str], root: str) -> Iterator[tuple[str, str]]:
    lists = os.path.join(root, _DPKG_LISTS)
    if not paths or not os.path.isdir(lists):
        return
    listed = {os.fsencode(name): path for path in paths for name in _before_merging(path)}
    for name in os.listdir(lists):
        if name.endswith(".list") and listed:
            data = read_bounded(os.path.join(lists, name), _MAX_LIST)
            for row in listed.keys() & set(data.split(b"\n")):
                yield listed[row], f"dpkg {name.removesuffix('.list').partition(':')[0]}"


def _before_merging(path: str) -> tuple[str, ...]:
    """Return what dpkg may call a file: below ``/usr``, or where that links to today (https://wiki.debian.org/UsrMerge)."""
    return (path, path.removeprefix("/usr")) if path.startswith(("/usr/lib", "/usr/bin", "/usr/sbin")) else (path,)


def _rpm(paths: set[str], root: str) -> Iterator[tuple[str, str]]:
    query = rpm_query(root) if paths else None
    if query is None:
        return
    import subprocess

    for path in sorted(paths):
        command = [*query, "--queryformat", r"%{NAME}\n", "--file", path]
        try:
            done = subprocess.run(command, capture_output=True, timeout=_RPM_SECONDS, check=False, text=True)
        except subprocess.TimeoutExpired as err:
            raise CollectorError(f"rpm does not tell whose {path} is: {err}") from err
        if done.returncode == 0 and (names := done.stdout.split()):
            yield path, f"rpm {names[0]}"


def _apk(paths: set[str], root: str) -> Iterator[tuple[str, str]]:
    database = os.path.join(root, APK)
    if not paths or not os.path.exists(database):
        return
    package = folder = ""
    for line in read_bounded(database, _MAX_LIST).decode("utf-8", "replace").splitlines():
        mark, _, value = line.partition(":")
        if mark == "P":
            package = value
        elif mark == "F":
            folder = value
        elif mark == "R" and (path := f"/{folder}/{value}") in paths:
            yield path, f"apk {package}"
