# SPDX-License-Identifier: Apache-2.0
"""What a job is granted of its node: processors, limits of control groups, resource limits, priority."""

from __future__ import annotations

import os
import resource

from ..model.components import Allotment, Ulimit
from ..target import Target
from .base import Collected, Collector, Keep
from .control_groups import UNLIMITED, ControlGroups
from .cpu_ranges import format_ranges

__all__ = ("AllotmentCollector",)

_PREFIX = "RLIMIT_"
# Another name for the number of open files.
_SYNONYM = "RLIMIT_OFILE"


class AllotmentCollector(Collector):
    """Asks the kernel what it would grant a process that we start.

    Parameters
    ----------
    root : `str`
        Where the paths of control groups begin.
    """

    kind = "allotment"
    layer = "host"

    def __init__(self, root: str = "/") -> None:
        self._root = root

    def collect(self, target: Target, keep: Keep) -> Collected:
        """Return what this process has, which the job inherits."""
        affinity = os.sched_getaffinity(0)
        groups = ControlGroups(self._root)
        return Collected(
            Allotment(
                cpus=len(affinity),
                affinity=format_ranges(affinity),
                groups=groups.limits,
                ulimits=_ulimits(),
                nice=os.getpriority(os.PRIO_PROCESS, 0),
                failed=groups.failed,
            )
        )


def _ulimits() -> dict[str, Ulimit]:
    found = {}
    for name in dir(resource):
        if name.startswith(_PREFIX) and name != _SYNONYM:
            soft, hard = map(_text, resource.getrlimit(getattr(resource, name)))
            found[name.removeprefix(_PREFIX).lower()] = Ulimit(soft=soft, hard=hard)
    return found


def _text(limit: int) -> str:
    return UNLIMITED if limit == resource.RLIM_INFINITY else str(limit)
