# SPDX-License-Identifier: Apache-2.0
"""How a node's processors are put together: sockets, cores, and the memory that each is close to."""

from __future__ import annotations

import os
from collections.abc import Iterable

from .cpu_ranges import format_ranges
from .kernel_files import known_ranges, known_text

__all__ = ("Topology",)

# Their names since Linux 5.3, then those of before.
_SOCKET = ("package_cpus_list", "core_siblings_list")
_CORE = ("core_cpus_list", "thread_siblings_list")


class Topology:
    """What ``/sys`` tells of the processors that are switched on; `None` where it doesn't.

    Parameters
    ----------
    root : `str`
        Where the paths begin.

    Attributes
    ----------
    sockets, cores : `int` or `None`
    numa : `dict` [ `str`, `str` ] or `None`
        The processors of each NUMA node, as ranges.
    """

    def __init__(self, root: str = "/") -> None:
        self._cpus = os.path.join(root, "sys/devices/system/cpu")
        online = sorted(known_ranges(os.path.join(self._cpus, "online")) or ())
        self.sockets = self._groups(online, _SOCKET)
        # Where no core runs two threads, there is nothing to look up: hundreds of files on a large node.
        single = known_text(os.path.join(self._cpus, "smt/active")) == "0"
        self.cores = (len(online) or None) if single else self._groups(online, _CORE)
        self.numa = _numa(os.path.join(root, "sys/devices/system/node"))

    def _groups(self, online: Iterable[int], names: tuple[str, ...]) -> int | None:
        """Return into how many groups the processors fall. One of each is asked, and names the others."""
        seen: set[int] = set()
        groups = 0
        for cpu in online:
            if cpu not in seen:
                group: set[int] | None = None
                for name in names:
                    group = group or known_ranges(f"{self._cpus}/cpu{cpu}/topology/{name}")
                if group is None or cpu not in group:
                    return None
                seen |= group
                groups += 1
        return groups or None


def _numa(folder: str) -> dict[str, str] | None:
    nodes: dict[str, str] = {}
    for node in sorted(known_ranges(os.path.join(folder, "online")) or ()):
        cpus = known_ranges(os.path.join(folder, f"node{node}/cpulist"))
        if cpus is None:
            return None
        nodes[str(node)] = format_ranges(cpus)
    return nodes or None
