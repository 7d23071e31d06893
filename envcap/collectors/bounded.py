# SPDX-License-Identifier: Apache-2.0
"""Reading a file that nobody vouches for: it can neither block the job, nor fill its memory, nor set off a device."""

from __future__ import annotations

import os
import stat

from ..errors import CollectorError

__all__ = ("read_bounded",)

_KERNEL_FILE = 1 << 16


def read_bounded(path: str, limit: int) -> bytes:
    """Return the bytes of a regular file.

    Raises
    ------
    FileNotFoundError, NotADirectoryError
        If there is nothing of that name.
    CollectorError
        If it is no regular file, has more than `limit` bytes, or can't be read.
    """
    try:
        # Looked at first, since opening is enough to block on a pipe or to start a watchdog.
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise CollectorError(f"{path}: no regular file")
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        try:
            return _read(handle, path, limit)
        finally:
            os.close(handle)
    except (FileNotFoundError, NotADirectoryError):
        raise
    except OSError as err:
        raise CollectorError(f"{path}: {err.strerror or err}") from err


def _read(handle: int, path: str, limit: int) -> bytes:
    # The kernel's own files say that they have no bytes.
    step = min(os.fstat(handle).st_size or _KERNEL_FILE, limit) + 1
    data = b""
    while len(data) <= limit and (chunk := os.read(handle, step)):
        data += chunk
    if len(data) > limit:
        raise CollectorError(f"{path}: more than {limit} bytes")
    return data
