# SPDX-License-Identifier: Apache-2.0
"""How often a process has loaded libraries: while that is the same, it has the same libraries."""

from __future__ import annotations

import sys

__all__ = ("count_loads",)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def count_loads() -> tuple[int, int] | None:
    """Return how often this process has loaded and unloaded libraries; `None` if nobody can tell.

    ctypes is used if the payload has it, and not loaded for this alone.
    """
    if "ctypes" not in sys.modules:
        return None
    if not _counters:
        _counters.append(_counter())
    return _counters[0]()


def _counter() -> Callable[[], tuple[int, int] | None]:
    import ctypes

    class Info(ctypes.Structure):
        """`struct dl_phdr_info` of dl_iterate_phdr(3)."""

        _fields_ = [("addr", ctypes.c_void_p), ("name", ctypes.c_char_p), ("phdr", ctypes.c_void_p),
                    ("phnum", ctypes.c_uint16), ("adds", ctypes.c_ulonglong), ("subs", ctypes.c_ulonglong)]  # fmt: skip

    counted: list[tuple[int, int]] = []

    def count(info: Any, size: int, data: object) -> int:
        counted.append((info[0].adds, info[0].subs))
        return 1  # every entry has them: the first one is enough

    callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(Info), ctypes.c_size_t, ctypes.c_void_p)(count)
    iterate = ctypes.CDLL(None).dl_iterate_phdr

    def counter() -> tuple[int, int] | None:
        counted.clear()
        iterate(callback, None)
        return next(iter(counted), None)

    return counter


_counters: list[Callable[[], tuple[int, int] | None]] = []
"""The one that this process has made, if any."""
