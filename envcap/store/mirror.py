# SPDX-License-Identifier: Apache-2.0
"""A store at a URI: an object store, or wherever else Rubin's middleware reads and writes (`lsst.resources`).

Objects and packs are there, whole and immutable. Here is a directory that has what was read of it before, the index,
and what is written here: journals, which no object store takes. `push` sends what that one lacks.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from ..digest import digest_of, sha256_hex
from ..errors import StoreError, UsageError
from ..ids import is_uuid
from ..memo import cache_dir
from ..redact import scrub
from .local import FORMAT_FILE, PACKS, LocalStore

__all__ = ("MirrorStore",)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, BinaryIO

_OBJECTS = "objects"


class MirrorStore(LocalStore):
    """The store at a URI, with a directory of this machine before it.

    Parameters
    ----------
    uri : `str`
        As `lsst.resources.ResourcePath` takes it; credentials come from its own variables and files.
    folder : `str`, optional
        The directory; by default one in this user's cache.

    Raises
    ------
    UsageError
        If lsst.resources isn't installed, or doesn't know such a URI.
    """

    def __init__(self, uri: str, folder: str | None = None) -> None:
        try:
            from lsst.resources import ResourcePath
        except ModuleNotFoundError as err:
            raise UsageError(f"a store at a URI needs {err.name}: pip install 'envcap[remote]'") from None
        super().__init__(folder or os.path.join(cache_dir(), "stores", sha256_hex(uri.encode())[:32]))
        self._shown = scrub(uri)
        try:
            self._there = ResourcePath(uri, forceDirectory=True)
        except (NotImplementedError, ValueError) as err:
            raise UsageError(f"{self._shown}: {err}") from None

    def __str__(self) -> str:
        return f"store {self._shown}"

    @property
    def place(self) -> str:
        """Where it is: for all its users, the same."""
        return str(self._there)

    def meet(self) -> None:
        """Make the directory here as one of the store there.

        Raises
        ------
        FormatError
            If it is of a format that this software doesn't know.
        StoreError
            If there is none, or it doesn't answer.
        """
        with self._asking(FORMAT_FILE):
            data = self._there.join(FORMAT_FILE, forceDirectory=False).read()
        os.makedirs(self.root, exist_ok=True)
        self._write(os.path.join(self.root, FORMAT_FILE), data)
        self._check_version()

    def packs(self) -> Sequence[str]:
        """Return the names of its packs, here and there, oldest first."""
        return sorted({*super().packs(), *self._names(PACKS)})

    def open(self, name: str) -> BinaryIO:
        """Open a file of the store for reading; a pack is brought here first."""
        path = os.path.join(self.root, name)
        if name.startswith(PACKS) and not os.path.lexists(path):
            with self._asking(name):
                data = self._there.join(name, forceDirectory=False).read()
            os.makedirs(os.path.dirname(path), exist_ok=True)
            self._write(path, data)
        return super().open(name)

    def push(self, advance: Callable[[int, int], None]) -> tuple[int, int]:
        """Send what the store there lacks: objects first, so that what a pack names is there before it.

        Parameters
        ----------
        advance : callable
            Given how many files were sent, and of how many.

        Returns
        -------
        objects, packs : `int`
            How many were sent.

        Raises
        ------
        StoreError
            If it can't be written to, or is another one.
        """
        with self._asking(FORMAT_FILE):
            there = self._there.join(FORMAT_FILE, forceDirectory=False)
            if not there.exists():
                there.write(self._own(FORMAT_FILE))
            elif there.read() != self._own(FORMAT_FILE):
                raise StoreError(f"{self}: is another store than {self.root}; name an empty place")
        # Packs first: of one that comes meanwhile, the objects might not be sent.
        packs = sorted({*LocalStore.packs(self)} - {*self._names(PACKS)})
        objects = sorted({*LocalStore._list(self)} - {*self._digests()})
        names = [os.path.relpath(self.object_path(digest), self.root) for digest in objects] + packs
        for number, name in enumerate(names, 1):
            with self._asking(name):
                self._there.join(name, forceDirectory=False).write(self._own(name))
            advance(number, len(names))
        return len(objects), len(packs)

    def _own(self, name: str) -> bytes:
        with super().open(name) as stream:
            return stream.read()

    def _has(self, digest: str) -> bool:
        if super()._has(digest):
            return True
        with self._asking(digest):
            return bool(self._object(digest).exists())

    def _get(self, digest: str) -> bytes:
        try:
            return super()._get(digest)
        except FileNotFoundError:
            pass
        with self._asking(digest):
            data = bytes(self._object(digest).read())
        if digest_of(data) == digest:
            self._put(digest, data)
        return data

    def _list(self) -> Iterator[str]:
        yield from {*super()._list(), *self._digests()}

    def _object(self, digest: str) -> Any:
        return self._there.join(os.path.relpath(self.object_path(digest), self.root), forceDirectory=False)

    def _digests(self) -> Iterator[str]:
        for path in self._files(_OBJECTS):
            shard, _, name = path.rpartition("/")
            if len(shard) + len(name) == 64:
                yield f"sha256:{shard}{name}"

    def _names(self, folder: str) -> Iterator[str]:
        yield from (f"{folder}/{name}" for name in self._files(folder) if is_uuid(name))

    def _files(self, folder: str) -> list[str]:
        """Return the paths of the files in a directory there."""
        top = self._there.join(f"{folder}/", forceDirectory=True)
        with self._asking(folder):
            found = [os.path.join(at.relative_to(top) or "", name) for at, _, names in top.walk() for name in names]
        return [path.removeprefix("./") for path in found]

    @contextmanager
    def _asking(self, what: str) -> Iterator[None]:
        """Translate what lsst.resources raises; a file that isn't there stays one."""
        try:
            yield
        except FileNotFoundError as err:
            if what.startswith("sha256:"):
                raise
            raise StoreError(f"{self}: there is no {what}") from err
        except _errors() as err:
            told = " ".join(scrub(str(err)).split())
            raise StoreError(f"{self}: {what}: {told or type(err).__name__}") from err


def _errors() -> tuple[type[Exception], ...]:
    """Return what lsst.resources raises; of an object store, also what boto3 does."""
    botocore = sys.modules.get("botocore.exceptions")
    own = () if botocore is None else (botocore.BotoCoreError, botocore.ClientError)
    return (OSError, ValueError, NotImplementedError, *own)
