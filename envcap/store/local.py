# SPDX-License-Identifier: Apache-2.0
"""A store in a directory: what its files are called. Journals are in `journal.py`, packs in `pack.py`."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence

from ..errors import FormatError, StoreError
from ..ids import is_uuid, uuid7
from ..redact import scrub
from .base import ObjectStore, open_regular, split_digest, sync_directories
from .journal import journal_paths

__all__ = ("FORMAT_FILE", "FORMAT_VERSION", "PACKS", "SCRATCH", "LocalStore")

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, BinaryIO

FORMAT_VERSION = "1"
"""Version in ``format.json``; ``docs/format.md`` says what it promises."""

FORMAT_FILE = "format.json"
"""What says that a directory is a store, and of which format."""

SCRATCH = ".tmp"
"""End of the name of a file that is being written."""

PACKS = "packs"
"""The directory of the packs."""
_FRESH_S = 86400.0
_ANOTHER = "name another place with --store or ENVCAP_STORE"


class LocalStore(ObjectStore):
    """Objects and packs as files that are written once, by rename; journals that jobs append to.

    Parameters
    ----------
    root : `str`
        The store's directory; made by the first write.
    """

    def __init__(self, root: str) -> None:
        # A tilde that no shell has replaced (in a YAML file), or can't (a user without a home, in a container).
        path = os.path.expanduser(os.fspath(root).removeprefix("file://"))
        self._uri = path if "://" in path else None
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
        if self._uri is not None:
            raise StoreError(
                f"jobs write to a directory, and {scrub(self._uri)} is none; 'envcap ingest --to URI' sends it there"
            )
        try:
            try:
                self._check_version()
            except FileNotFoundError:
                os.makedirs(self.root, exist_ok=True)
                self._introduce()
        except OSError as err:
            raise StoreError(f"can't make a store at {self.root}: {err.strerror or err}; {_ANOTHER}") from err

    @property
    def _version_path(self) -> str:
        return os.path.join(self.root, FORMAT_FILE)

    def _introduce(self) -> None:
        """Write ``format.json``, once: of several who make the store at a time, the first gives it its identity."""
        scratch = f"{self._version_path}.{uuid7()}.tmp"
        self._write(scratch, f'{{"envcap":"{FORMAT_VERSION}","id":"{uuid7()}"}}\n'.encode())
        try:
            os.link(scratch, self._version_path)
        except FileExistsError:
            os.unlink(scratch)
        except OSError:  # a file system without links
            os.rename(scratch, self._version_path)
        else:
            os.unlink(scratch)
        sync_directories(self.root, os.path.dirname(self.root))

    @property
    def identity(self) -> str:
        """The UUID that the store was given when it was made."""
        try:
            found = self._read_version().get("id")
        except OSError as err:
            raise StoreError(f"{self}: {err.strerror or err}") from err
        if not isinstance(found, str) or not is_uuid(found):
            raise FormatError(f"{self._version_path}: it has no 'id' that is a UUID")
        return found.lower()

    def _check_version(self) -> None:
        version = self._read_version().get("envcap")
        if version != FORMAT_VERSION:
            known = f"this software reads {FORMAT_VERSION!r}; update it"
            raise FormatError(f"{self._version_path}: format {version!r}, but {known}")

    def _read_version(self) -> dict[str, Any]:
        from ..model.document import parse_json

        if self._homeless:
            raise StoreError(f"there is no store, since this user has no home directory; {_ANOTHER}")

        with open_regular(self._version_path) as stream:
            found = parse_json(stream.read(4096))
        return found if isinstance(found, dict) else {}

    @property
    def place(self) -> str:
        """Where it is, by whatever name it is reached."""
        return os.path.realpath(self.root)

    def journals(self) -> Iterator[str]:
        """Yield the names of its journals, oldest day first."""
        for path in journal_paths(self.root):
            yield os.path.relpath(path, self.root)

    def packs(self) -> Sequence[str]:
        """Return the names of its packs, oldest first."""
        try:
            names = os.listdir(os.path.join(self.root, PACKS))
        except FileNotFoundError:
            return ()
        except OSError as err:
            raise StoreError(f"{self}: can't list its packs: {err.strerror or err}") from err
        return [f"{PACKS}/{name}" for name in sorted(names) if is_uuid(name)]

    def size(self, name: str) -> int:
        """Return the size in bytes of a file by its name."""
        try:
            return os.path.getsize(os.path.join(self.root, name))
        except (OSError, ValueError) as err:
            raise _unreadable(os.path.join(self.root, name), err) from err

    def open(self, name: str) -> BinaryIO:
        """Open a file of the store for reading, by its name."""
        try:
            return open_regular(os.path.join(self.root, name))
        except (OSError, ValueError) as err:
            raise _unreadable(os.path.join(self.root, name), err) from err

    def object_path(self, digest: str) -> str:
        """Return where an object of this digest is, or would be."""
        value = split_digest(digest)
        return os.path.join(self.root, "objects", value[:2], value[2:])

    def _has(self, digest: str) -> bool:
        path = self.object_path(digest)
        try:
            modified = os.stat(path).st_mtime
        except FileNotFoundError:
            return False
        if time.time() - modified > _FRESH_S:
            # What a job may be about to name is young: then nobody takes it for garbage. A mere reader can't say so.
            try:
                os.utime(path)
            except OSError:
                return True
        return True

    def _get(self, digest: str) -> bytes:
        with open_regular(self.object_path(digest)) as stream:
            return stream.read()

    def _put(self, digest: str, data: bytes) -> None:
        path = self.object_path(digest)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        self._write(path, data)
        sync_directories(os.path.dirname(path), self.root)

    def _write(self, path: str, data: bytes) -> None:
        scratch = f"{path}.{uuid7()}{SCRATCH}"
        try:
            descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
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


def _unreadable(path: str, err: Exception) -> StoreError:
    return StoreError(f"{path}: {getattr(err, 'strerror', None) or err}")
