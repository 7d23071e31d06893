# SPDX-License-Identifier: Apache-2.0
"""The four verbs of an object store, and the one place that decides which store a command uses."""

from __future__ import annotations

import errno
import os
import stat
from abc import ABC, abstractmethod
from collections.abc import Iterator

from ..digest import digest_of
from ..errors import CorruptError, FormatError, StoreError

__all__ = ("ObjectStore", "open_regular", "split_digest", "sync_directories")

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO

MAX_FILE = 1 << 32
"""Largest file that a reader believes to be one of a store, in bytes: it is read whole."""

_HEX = frozenset("0123456789abcdef")


def split_digest(digest: str) -> str:
    """Return the 64 hex digits of a digest; a digest becomes a path, so nothing else passes.

    Raises
    ------
    FormatError
        If it isn't ``sha256:`` and 64 lower-case hex digits.
    """
    algorithm, _, value = digest.partition(":")
    if algorithm != "sha256" or len(value) != 64 or not _HEX.issuperset(value):
        raise FormatError(f"{digest[:80]!r} is no digest (sha256: and 64 hex digits)")
    return value


def open_regular(path: str) -> BinaryIO:
    """Open a file for reading. A store may come from anybody: a pipe in it must not be waited for, nor a device read.

    Raises
    ------
    OSError
        If it can't be opened, or is no regular file.
    """
    stream = open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK))  # noqa: SIM115
    state = os.fstat(stream.fileno())
    if not stat.S_ISREG(state.st_mode) or state.st_size > MAX_FILE:
        stream.close()
        why = "larger than any file of a store" if stat.S_ISREG(state.st_mode) else "no regular file"
        raise OSError(errno.EINVAL, why, path)
    return stream


def sync_directories(folder: str, top: str) -> None:
    """See to it that the names in a directory, and in those above it up to another, survive a loss of power.

    Raises
    ------
    OSError
        If that can't be done.
    """
    while True:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if len(folder) <= len(top):
            return
        folder = os.path.dirname(folder)


class ObjectStore(ABC):
    """Immutable bytes by digest.

    The public verbs check and translate; a backend implements the underscored ones and may raise `OSError`.
    """

    def put(self, data: bytes) -> str:
        """Keep some bytes and return their digest. Keeping them again costs a look.

        Raises
        ------
        StoreError
            If they can't be kept.
        """
        digest = digest_of(data)
        try:
            if not self._has(digest):
                self._put(digest, data)
        except OSError as err:
            raise StoreError(f"{self}: can't write object {digest[:19]}…: {err.strerror or err}") from err
        return digest

    def get(self, digest: str) -> bytes:
        """Return the bytes of a digest, checked.

        Raises
        ------
        CorruptError
            If the stored bytes don't have this digest.
        FormatError
            If it is no digest.
        StoreError
            If there are none, or they can't be read.
        """
        split_digest(digest)
        try:
            data = self._get(digest)
        except FileNotFoundError:
            raise StoreError(f"{self}: object {digest} is missing") from None
        except OSError as err:
            raise StoreError(f"{self}: can't read object {digest}: {err.strerror or err}") from err
        if digest_of(data) != digest:
            raise CorruptError(f"{self}: object {digest} is corrupt; restore it from a copy of the store")
        return data

    def has(self, digest: str) -> bool:
        """Whether there is an object of this digest."""
        split_digest(digest)
        try:
            return self._has(digest)
        except OSError as err:
            raise StoreError(f"{self}: {err.strerror or err}") from err

    def list(self) -> Iterator[str]:
        """Yield the digests of all objects, in no order."""
        try:
            yield from self._list()
        except OSError as err:
            raise StoreError(f"{self}: {err.strerror or err}") from err

    @abstractmethod
    def _put(self, digest: str, data: bytes) -> None: ...

    @abstractmethod
    def _get(self, digest: str) -> bytes: ...

    @abstractmethod
    def _has(self, digest: str) -> bool: ...

    @abstractmethod
    def _list(self) -> Iterator[str]: ...
