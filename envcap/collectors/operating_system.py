# SPDX-License-Identifier: Apache-2.0
"""The operating system as a process sees it: distribution, C library, time zone. The kernel is the node's."""

from __future__ import annotations

import os

from ..digest import digest_of
from ..errors import CollectorError
from ..model.components import OperatingSystem
from ..target import Target
from .base import Collected, Collector, Keep
from .bounded import read_bounded

__all__ = ("OperatingSystemCollector", "parse_os_release")

_LOCALTIME = "etc/localtime"
_ZONES = "/zoneinfo/"
_UTC = "UTC"
_ALSO_UTC = ("Etc/UTC", "Etc/UCT", "Etc/Universal", "Etc/Zulu", "UCT", "Universal", "Zulu")
_MAX_ZONE = 1 << 16
_KEPT = ("ID", "VERSION_ID", "VERSION_CODENAME", "BUILD_ID")


class OperatingSystemCollector(Collector):
    """Reads ``os-release`` (os-release(5)) and ``localtime`` (localtime(5)); asks the C library for its version.

    Parameters
    ----------
    root : `str`
        Where the paths begin.
    """

    kind = "operating_system"

    def __init__(self, root: str = "/") -> None:
        self._root = root

    def collect(self, target: Target, keep: Keep) -> Collected:
        """Return the distribution, the machine type, the C library and the time zone."""
        uname = os.uname()
        return Collected(
            OperatingSystem(
                system=uname.sysname,
                machine=uname.machine,
                distribution=self._distribution(),
                libc=os.confstr("CS_GNU_LIBC_VERSION") or "unknown",
                timezone=self._timezone(),
            )
        )

    def _distribution(self) -> dict[str, str]:
        for path in ("etc/os-release", "usr/lib/os-release"):
            try:
                with open(os.path.join(self._root, path), encoding="utf-8") as stream:
                    return parse_os_release(stream.read())
            except FileNotFoundError:
                continue
        return {}

    def _timezone(self) -> str | None:
        """Return the time zone in effect without ``TZ``: the C library takes UTC where there is no file (tzset(3))."""
        path = os.path.join(self._root, _LOCALTIME)
        try:
            data = read_bounded(path, _MAX_ZONE)
        except (FileNotFoundError, NotADirectoryError):
            return _UTC
        except CollectorError:
            return None
        _, found, name = (os.readlink(path) if os.path.islink(path) else "").rpartition(_ZONES)
        if not found:
            return digest_of(data)
        return _UTC if name in _ALSO_UTC else name


def parse_os_release(text: str) -> dict[str, str]:
    """Return the members of an ``os-release`` text that tell one release from another."""
    found = {}
    for line in text.splitlines():
        name, separator, value = line.partition("=")
        if separator and name in _KEPT:
            found[name.lower()] = value.strip().strip("\"'")
    return found
