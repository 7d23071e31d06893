# SPDX-License-Identifier: Apache-2.0
"""The node: processors, memory, GPUs, kernel. What of it a job is granted is its `allotment`."""

from __future__ import annotations

import os

from ..model.components import Hardware
from ..target import Target
from .base import Collected, Collector, Keep
from .gpus import nvidia_gpus
from .kernel_files import known_text
from .topology import Topology

__all__ = ("HardwareCollector", "flags_of", "parse_cpuinfo")

# One processor's entry is about 1.5 kB; the file repeats it for each, which takes milliseconds on a large node.
_ONE_ENTRY = 16384
_PRODUCT = ("sys_vendor", "product_name")


class HardwareCollector(Collector):
    """Reads ``/proc/cpuinfo`` (proc(5)) and ``/sys``, and asks the kernel for the rest.

    Parameters
    ----------
    root : `str`
        Where the paths begin.
    """

    kind = "hardware"
    layer = "host"

    def __init__(self, root: str = "/") -> None:
        self._root = root

    def collect(self, target: Target, keep: Keep) -> Collected:
        """Return the first processor's model and flags, how many there are and how they are put together."""
        with open(os.path.join(self._root, "proc/cpuinfo"), encoding="utf-8", errors="replace") as stream:
            first = parse_cpuinfo(stream.read(_ONE_ENTRY))
        topology = Topology(self._root)
        flags = flags_of(first)
        return Collected(
            Hardware(
                kernel=os.uname().release,
                cpu_model=first.get("model name"),
                cpu_flags=flags,
                microcode=first.get("microcode"),
                # os.cpu_count would say what PYTHON_CPU_COUNT says.
                logical_cpus=os.sysconf("SC_NPROCESSORS_ONLN"),
                cores=topology.cores,
                sockets=topology.sockets,
                numa=topology.numa,
                memory_bytes=os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
                # Only x86 has a flag for it.
                virtual="hypervisor" in flags if "flags" in first else None,
                product=self._product(),
                gpus=nvidia_gpus(self._root),
            )
        )

    def _product(self) -> str | None:
        folder = os.path.join(self._root, "sys/class/dmi/id")
        words = [known_text(os.path.join(folder, name)) for name in _PRODUCT]
        return " ".join(filter(None, words)) or None


def parse_cpuinfo(text: str) -> dict[str, str]:
    """Return what the first processor tells, by name."""
    first = text.partition("\n\n")[0]
    return {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in first.splitlines())}


def flags_of(processor: dict[str, str]) -> list[str]:
    """Return the sorted flags of a processor (``Features`` on 64-bit ARM)."""
    return sorted((processor.get("flags") or processor.get("Features") or "").split())
