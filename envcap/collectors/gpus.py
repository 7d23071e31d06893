# SPDX-License-Identifier: Apache-2.0
"""NVIDIA's GPUs as their kernel driver tells them. Their own library knows more, and takes its time: `node_details`."""

from __future__ import annotations

import os
import re

from ..model.components import Gpu
from .kernel_files import known_text

__all__ = ("nvidia_gpus",)

_VERSION = r"^NVRM version:.*?Kernel Module(?: for \S+)?\s+(\d[\d.]*)"
_UUID = r"GPU-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"


def nvidia_gpus(root: str = "/") -> list[Gpu] | None:
    """Return the GPUs in the order of their places on the bus; `None` if one of them doesn't tell what it is.

    Parameters
    ----------
    root : `str`
        Where the paths begin.
    """
    folder = os.path.join(root, "proc/driver/nvidia")
    try:
        places = sorted(os.listdir(os.path.join(folder, "gpus")))
    except FileNotFoundError:
        return []
    except OSError:
        return None
    version = re.search(_VERSION, known_text(os.path.join(folder, "version")) or "", re.MULTILINE)
    found = []
    for place in places:
        text = known_text(os.path.join(folder, "gpus", place, "information")) or ""
        facts = {name: value.strip() for name, _, value in (line.partition(":") for line in text.splitlines())}
        if not facts.get("Model"):
            return None
        # Until a program has used the GPU, its driver writes question marks here.
        uuid = facts.get("GPU UUID", "")
        found.append(
            Gpu(
                name=facts["Model"],
                uuid=uuid if re.fullmatch(_UUID, uuid) else None,
                driver=version[1] if version else None,
            )
        )
    return found
