# SPDX-License-Identifier: Apache-2.0
"""What a process has mapped. Apart, since every Python under `envcap run` imports it when it ends."""

from __future__ import annotations

__all__ = ("mapped_files",)


def mapped_files() -> list[str]:
    """Return the files that this process has mapped for execution (proc_pid_maps(5)), sorted.

    Raises
    ------
    OSError
        If there is no ``/proc``.
    """
    found = set()
    with open("/proc/self/maps", encoding="utf-8", errors="surrogateescape") as stream:
        for line in stream:
            _, _, rest = line.partition(" ")
            if rest[2:3] != "x":
                continue  # its permissions: few may be executed
            fields = line.split(None, 5)
            if len(fields) == 6 and fields[5][0] == "/":
                found.add(fields[5].rstrip("\n"))
    return sorted(found)
