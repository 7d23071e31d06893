# SPDX-License-Identifier: Apache-2.0
"""The node: processor, memory, kernel."""

from __future__ import annotations

import os

from ..model.components import Hardware
from ..target import Target
from .base import Collected, Collector, Keep

__all__ = ("HardwareCollector", "parse_cpuinfo")

# One processor's entry is about 1.5 kB; the file repeats it for each, which takes milliseconds on a large node.
_ONE_ENTRY = 16384


class HardwareCollector(Collector):
    """Reads ``/proc/cpuinfo`` (proc(5)) and asks the kernel for the rest."""

    kind = "hardware"
    layer = "host"

    def collect(self, target: Target, keep: Keep) -> Collected:
        """Return the first processor's model and flags, and the amounts."""
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as stream:
            model, flags = parse_cpuinfo(stream.read(_ONE_ENTRY))
        return Collected(
            Hardware(
                kernel=os.uname().release,
                cpu_model=model,
                cpu_flags=flags,
                logical_cpus=os.cpu_count() or 1,
                memory_bytes=os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
            )
        )


def parse_cpuinfo(text: str) -> tuple[str | None, list[str]]:
    """Return the model name and the sorted flags of the first processor (``Features`` on 64-bit ARM)."""
    first = text.partition("\n\n")[0]
    facts = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in first.splitlines())}
    flags = facts.get("flags") or facts.get("Features") or ""
    return facts.get("model name"), sorted(flags.split())
