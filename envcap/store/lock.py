# SPDX-License-Identifier: Apache-2.0
"""The lock that whoever packs or tidies a store holds: one at a time, and gone with its process."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ..errors import StoreError

__all__ = ("only_one",)

_NAME = "ingest.lock"


@contextmanager
def only_one(root: str, wait: Callable[[], None]) -> Iterator[None]:
    """Hold the lock of a store.

    Parameters
    ----------
    root : `str`
        The store's directory.
    wait : callable
        Called once, if another process holds it, before it is waited for.

    Raises
    ------
    StoreError
        If there can be no lock.
    """
    path = os.path.join(root, _NAME)
    try:
        # A link, or a pipe that somebody put there, is not followed, nor waited for.
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        descriptor = os.open(path, flags, 0o666)
    except OSError as err:
        raise StoreError(f"{path}: {err.strerror or err}; packing needs a store that can be written to") from err
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            wait()
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    except OSError as err:
        if err.errno not in (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS):
            raise
        raise StoreError(f"{path}: this file system has no locks ({err.strerror}); pack on one that has") from err
    finally:
        os.close(descriptor)
