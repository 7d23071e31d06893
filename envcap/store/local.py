# SPDX-License-Identifier: Apache-2.0
"""A store in a directory: `objects/` here, journals in `journal.py`, the derived index in `index.py`."""

from __future__ import annotations

import os
from collections.abc import Iterator

from ..errors import FormatError, StoreError
from ..ids import uuid7
from .base import ObjectStore, open_regular, split_digest

__all__ = ("FORMAT_VERSION", "LocalStore")

FORMAT_VERSION = "0"
"""Version in ``format.json``. It stays 0, and may change without notice, until the format is frozen."""
_ANOTHER = "name another place with --store or ENVCAP_STORE"


class LocalStore(ObjectStore):
    """Objects as files that are written once, by rename.

    Parameters
    ----------
    root : `str`
        The store's directory; made by the first write.
    """

    def __init__(self, root: str) -> None:
        # A tilde that no shell has replaced (in a YAML file), or can't (a user without a home, in a container).
        path = os.path.expanduser(root)
        self._homeless = path.startswith("~")
        self.root = os.path.abspath(path)

    def __str__(self) -> str:
        return f"store {self.root}"

    @classmethod
    def existing(cls, root: str) -> LocalStore:
        """Return the store at a place, for reading.

        Raises
        ------
        FormatError
            If its format is another one.
        StoreError
            If there is none.
        """
        store = cls(root)
        try:
            store._check_version()
        except FileNotFoundError:
            raise StoreError(
                f"no store at {store.root}; run a job with 'envcap run', or name one with --store or ENVCAP_STORE"
            ) from None
        except OSError as err:
            raise StoreError(f"{store}: {err.strerror or err}; {_ANOTHER}") from err
        return store

    def create(self) -> None:
        """Make the store's directory and its ``format.json``, if they aren't there.

        Raises
        ------
        FormatError
            If a store of another format is there.
        StoreError
            If it can't be made.
        """
        try:
            try:
                self._check_version()
            except FileNotFoundError:
                os.makedirs(self.root, exist_ok=True)
                self._write(self._version_path, f'{{"envcap":"{FORMAT_VERSION}"}}\n'.encode())
        except OSError as err:
            raise StoreError(f"can't make a store at {self.root}: {err.strerror or err}; {_ANOTHER}") from err

    @property
    def _version_path(self) -> str:
        return os.path.join(self.root, "format.json")

    def _check_version(self) -> None:
        from ..model.document import parse_json

        if self._homeless:
            raise StoreError(f"there is no store, since this user has no home directory; {_ANOTHER}")

        with open_regular(self._version_path) as stream:
            found = parse_json(stream.read(4096))
        version = found.get("envcap") if isinstance(found, dict) else None
        if version != FORMAT_VERSION:
            known = f"this software reads {FORMAT_VERSION!r}; update it"
            raise FormatError(f"{self._version_path}: format {version!r}, but {known}")

    def _path(self, digest: str) -> str:
        value = split_digest(digest)
        return os.path.join(self.root, "objects", value[:2], value[2:])

    def _has(self, digest: str) -> bool:
        return os.path.exists(self._path(digest))

    def _get(self, digest: str) -> bytes:
        with open_regular(self._path(digest)) as stream:
            return stream.read()

    def _put(self, digest: str, data: bytes) -> None:
        path = self._path(digest)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        self._write(path, data)

    def _write(self, path: str, data: bytes) -> None:
        scratch = f"{path}.{uuid7()}.tmp"
        try:
            descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
            try:
                view = memoryview(data)
                while view:
                    view = view[os.write(descriptor, view) :]
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            os.rename(scratch, path)
        except OSError:
            if os.path.lexists(scratch):
                os.unlink(scratch)
            raise

    def _list(self) -> Iterator[str]:
        top = os.path.join(self.root, "objects")
        for shard in os.listdir(top) if os.path.isdir(top) else ():
            for name in os.listdir(os.path.join(top, shard)):
                if len(shard) + len(name) == 64:
                    yield f"sha256:{shard}{name}"
