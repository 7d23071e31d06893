# SPDX-License-Identifier: Apache-2.0
"""Reading what the kernel tells in small files below ``/proc`` and ``/sys``: one fact a file, a few µs each."""

from __future__ import annotations

import os

from .cpu_ranges import parse_ranges

__all__ = ("known_ranges", "known_text", "read_text")

_MOST = 1 << 16


def read_text(path: str) -> str:
    """Return a small text without the white space around it.

    Raises
    ------
    OSError
        If it can't be read.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        return os.read(handle, _MOST).decode("utf-8", "replace").strip()
    finally:
        os.close(handle)


def known_text(path: str) -> str | None:
    """Return a small text, `None` if there is none or it can't be read."""
    try:
        return read_text(path) or None
    except OSError:
        return None


def known_ranges(path: str) -> set[int] | None:
    """Return the numbers that a list of ranges names, `None` if there is no such list."""
    try:
        return parse_ranges(read_text(path))
    except (OSError, ValueError):
        return None
