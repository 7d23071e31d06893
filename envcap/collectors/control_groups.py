# SPDX-License-Identifier: Apache-2.0
"""The limits of the control groups that a process is in (cgroups(7)), of either version and of both mixed.

A group's limit holds for all groups within it, so the tightest of those on the way up counts. A container may not see
all of that way: what is found is what shows.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from ..errors import CollectorError
from .bounded import read_bounded
from .cpu_ranges import format_ranges, parse_ranges
from .kernel_files import read_text

__all__ = ("UNLIMITED", "ControlGroups")

UNLIMITED = "unlimited"

_MEMBERSHIP = "/proc/self/cgroup"
_MOUNTS = "/proc/self/mountinfo"
_MAX = 1 << 24
_SECOND = ""
"""The one hierarchy of version 2; those of version 1 go by their controllers' names."""

_NO_NUMBERS = ("max", "-1")
# Version 1 writes the largest number of pages that the kernel can count.
_NO_LIMIT = 1 << 62

_Folders = list[str]


class ControlGroups:
    """Looks up the limits of this process.

    Parameters
    ----------
    root : `str`
        Where the paths begin.

    Attributes
    ----------
    limits : `dict` [ `str`, `str` ]
        By controller, as an `~envcap.model.components.Allotment` has them.
    failed : `dict` [ `str`, `str` ]
        Those that can't be told, with the reason.
    """

    def __init__(self, root: str = "/") -> None:
        self.limits: dict[str, str] = {}
        self.failed: dict[str, str] = {}
        self._root = root
        self._paths: dict[str, str] = {}
        self._mounts: dict[str, list[tuple[str, str]]] = {}
        for path, parse in ((_MEMBERSHIP, self._add_membership), (_MOUNTS, self._add_mount)):
            try:
                text = read_bounded(self._full(path), _MAX).decode("utf-8", "surrogateescape")
            except (FileNotFoundError, NotADirectoryError):
                self.failed[path] = "there is none"
                return
            except CollectorError as err:
                self.failed[path] = str(err).removeprefix(f"{self._full(path)}: ")
                return
            for line in text.splitlines():
                parse(line)
        for controller, limit in (("memory", _memory), ("cpu", _cpu), ("pids", _pids), ("cpuset", _cpuset)):
            self._look_up(controller, limit)

    def _full(self, path: str) -> str:
        return os.path.join(self._root, path.lstrip("/"))

    def _add_membership(self, line: str) -> None:
        _, controllers, path = line.split(":", 2)
        self._paths.update(dict.fromkeys(controllers.split(","), path))

    def _add_mount(self, line: str) -> None:
        before, _, after = line.partition(" - ")
        kind = after.partition(" ")[0]
        if kind in ("cgroup", "cgroup2"):
            fields = before.split(" ")
            options = after.split(" ")[2].split(",")
            for hierarchy in [_SECOND] if kind == "cgroup2" else options:
                self._mounts.setdefault(hierarchy, []).append((fields[3], fields[4]))

    def _look_up(self, controller: str, limit: Callable[[_Folders, bool], str]) -> None:
        # What version 1 doesn't have is version 2's.
        hierarchy = controller if controller in self._paths else _SECOND
        try:
            self.limits[controller] = limit(self._folders(hierarchy), hierarchy == _SECOND)
        except CollectorError as err:
            self.failed[controller] = str(err)

    def _folders(self, hierarchy: str) -> _Folders:
        """Return the directories of the process's group and those around it, the innermost first."""
        path = self._paths.get(hierarchy)
        if path is None:
            raise CollectorError("the process is in no group")
        for top, point in self._mounts.get(hierarchy, ()):
            top = top.rstrip("/")
            if path != (top or "/") and not path.startswith(top + "/"):
                continue
            mounted = self._full(point)
            folder = mounted + path[len(top) :].rstrip("/")
            if ".." in path.split("/") or not os.path.isdir(folder):
                continue
            folders = [folder]
            while folders[-1] != mounted:
                folders.append(os.path.dirname(folders[-1]))
            return folders
        raise CollectorError("the process's group does not show here")


def _memory(folders: _Folders, second: bool) -> str:
    return _smallest(folders, "memory.max" if second else "memory.limit_in_bytes")


def _pids(folders: _Folders, second: bool) -> str:
    return _smallest(folders, "pids.max")


def _cpu(folders: _Folders, second: bool) -> str:
    """Return the tightest quota with its period: their quotient is a number of processors."""
    found = []
    for folder in folders:
        if second:
            quota, _, period = (_read(folder, "cpu.max") or "max").partition(" ")
        else:
            quota = _read(folder, "cpu.cfs_quota_us") or "max"
            period = _read(folder, "cpu.cfs_period_us") or ""
        if (number := _number(quota, "cpu")) is not None:
            found.append((number, _number(period, "cpu") or 0))
    if any(period <= 0 for _, period in found):
        raise CollectorError("cpu: a quota without a period")
    if not found:
        return UNLIMITED
    quota_us, period_us = min(found, key=lambda pair: pair[0] / pair[1])
    return f"{quota_us}/{period_us}"


def _cpuset(folders: _Folders, second: bool) -> str:
    """Return the processors that are in effect: the nearest group that has some knows of those around it."""
    names = ["cpuset.cpus.effective"] if second else ["cpuset.effective_cpus", "cpuset.cpus"]
    for folder in folders:
        for name in names:
            if text := _read(folder, name):
                try:
                    return format_ranges(parse_ranges(text))
                except ValueError as err:
                    raise CollectorError(f"{name}: {err}") from err
    return UNLIMITED


def _smallest(folders: _Folders, name: str) -> str:
    found = [_number(text, name) for folder in folders if (text := _read(folder, name)) is not None]
    limits = [number for number in found if number is not None]
    return str(min(limits)) if limits else UNLIMITED


def _number(text: str, name: str) -> int | None:
    """Return a limit, `None` for none."""
    if text in _NO_NUMBERS:
        return None
    if not text.isdecimal():
        raise CollectorError(f"{name}: no number")
    number = int(text)
    return None if number >= _NO_LIMIT else number


def _read(folder: str, name: str) -> str | None:
    """Return what a group says; `None` where the kernel has no such limit, as at the top."""
    try:
        return read_text(os.path.join(folder, name))
    except FileNotFoundError:
        return None
    except OSError as err:
        # Without the group's name, which may be that of one job.
        raise CollectorError(f"{name}: {err.strerror or err}") from err
