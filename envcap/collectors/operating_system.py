# SPDX-License-Identifier: Apache-2.0
"""The operating system as a process sees it: distribution and C library. The kernel is a fact about the node."""

from __future__ import annotations

import os

from ..model.components import OperatingSystem
from ..target import Target
from .base import Collected, Collector, Keep

__all__ = ("OperatingSystemCollector", "parse_os_release")

_KEPT = ("ID", "VERSION_ID", "VERSION_CODENAME", "BUILD_ID")


class OperatingSystemCollector(Collector):
    """Reads ``os-release`` (os-release(5)) and asks the C library for its version."""

    kind = "operating_system"

    def collect(self, target: Target, keep: Keep) -> Collected:
        """Return the distribution, the machine type and the C library."""
        uname = os.uname()
        return Collected(
            OperatingSystem(
                system=uname.sysname,
                machine=uname.machine,
                distribution=_distribution(),
                libc=os.confstr("CS_GNU_LIBC_VERSION") or "unknown",
            )
        )


def _distribution() -> dict[str, str]:
    for path in ("/etc/os-release", "/usr/lib/os-release"):
        try:
            with open(path, encoding="utf-8") as stream:
                return parse_os_release(stream.read())
        except FileNotFoundError:
            continue
    return {}


def parse_os_release(text: str) -> dict[str, str]:
    """Return the members of an ``os-release`` text that tell one release from another."""
    found = {}
    for line in text.splitlines():
        name, separator, value = line.partition("=")
        if separator and name in _KEPT:
            found[name.lower()] = value.strip().strip("\"'")
    return found
