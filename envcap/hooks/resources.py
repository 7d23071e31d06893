# SPDX-License-Identifier: Apache-2.0
"""What a stretch of this process took."""

from __future__ import annotations

import resource
import time

__all__ = ("Stretch",)


class Stretch:
    """A stretch of work that begins now."""

    __slots__ = ("_started", "_usage")

    def __init__(self) -> None:
        self._started = time.perf_counter()
        self._usage = resource.getrusage(resource.RUSAGE_SELF)

    def taken(self) -> dict[str, str]:
        """Return time in seconds, and the process's largest size so far in kilobytes, as a result holds them."""
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return {
            "wall_s": f"{time.perf_counter() - self._started:.3f}",
            "user_s": f"{usage.ru_utime - self._usage.ru_utime:.3f}",
            "system_s": f"{usage.ru_stime - self._usage.ru_stime:.3f}",
            "max_rss_kb": str(usage.ru_maxrss),
        }
