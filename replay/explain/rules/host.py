# SPDX-License-Identifier: Apache-2.0
"""The node, its operating system and the container."""

from __future__ import annotations

import re

from ..facts import Facts
from .base import Raw, Rule, Weight, by_size

__all__ = ("HostRule",)

_NO_CAUSE = ("kernel", "microcode", "logical_cpus", "cores", "sockets", "memory_bytes", "product", "virtual")
_IMAGE = re.compile(r"image|reference|base|sha256:")


class HostRule(Rule):
    """What processors can do decides last digits; how many there are hardly ever does."""

    layers = ("hardware", "operating_system", "container", "eups")

    def weigh(self, raw: Raw, facts: Facts) -> Weight:
        """Weigh a fact of the host."""
        if raw.layer == "eups":
            return by_size(55, 50, facts)
        if raw.layer == "operating_system":
            return by_size(24, 45, facts)
        if raw.layer == "container" and _IMAGE.search(f"{raw.name} {raw.before} {raw.after}"):
            return Weight(22, ("another image: whatever is in it may be another",))
        if raw.layer == "container" or raw.name in _NO_CAUSE:
            return Weight(8, ("hardly ever decides a result",))
        return by_size(12, 48, facts)
