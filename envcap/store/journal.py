# SPDX-License-Identifier: Apache-2.0
"""Journals: one append-only file a writing process, of records that verify themselves.

A record is one line, ``envcap-record KIND DIGEST LENGTH SEAL CHECK``, then LENGTH bytes, then a line feed. SEAL is that
of the writer's key (`envcap.trust.key`), or ``-``; CHECK is the CRC-32 of what stands before it in the line. A writer
appends a record in one write, so that a reader sees whole records and at most one torn tail; a record that doesn't
verify is passed over by looking for the next such line.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import time
from _thread import allocate_lock
from binascii import crc32
from collections.abc import Iterator, Sequence

from ..digest import digest_of
from ..errors import StoreError
from ..ids import is_uuid, uuid7
from .base import open_regular, sync_directories

__all__ = (
    "END",
    "MAX_RECORD",
    "SEALED",
    "UNSEALED",
    "Damage",
    "Journal",
    "Record",
    "Waste",
    "journal_paths",
    "read_journal",
    "read_record",
)

MAX_RECORD = 1 << 28
"""Longest record that a reader believes, in bytes."""

UNSEALED = "-"
"""What stands in place of a seal."""

SEALED = ".sealed"
"""End of the name of a journal whose records are in a pack."""

END = "end"
"""Kind of the record by which a process says that it writes no more."""

_MAGIC = b"envcap-record "
_FULL = 1 << 30
"""Size after which a process goes on in another journal: readers read a file whole, and refuse what is too large."""

_MAX_HEADER = 256
_MOST_READINGS = 8
# As texts: a job writes a journal, and compiling them would take longer than that.
_DAY = r"\d{4}-\d\d-\d\d"
_SHARD = r"[0-9a-f]{2}"
_RESERVE = 8192
_TORN = "cut short"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..trust.key import Key


class Record:
    """One record: its kind, digest, bytes and seal, and where it stands.

    Attributes
    ----------
    offset, end : `int`
        Where it begins and ends in its journal, in bytes; in a pack, its block.
    number : `int` or `None`
        Its number in its block; `None` in a journal.
    """

    __slots__ = ("data", "digest", "end", "kind", "number", "offset", "seal")

    def __init__(
        self, kind: str, digest: str, data: bytes, seal: str | None, offset: int, end: int, number: int | None = None
    ) -> None:
        self.kind = kind
        self.digest = digest
        self.data = data
        self.seal = seal
        self.offset = offset
        self.end = end
        self.number = number


class Damage:
    """Bytes of a journal that hold no valid record (`offset` to `end`); a torn tail has `tail` set."""

    __slots__ = ("end", "offset", "reason", "tail")

    def __init__(self, offset: int, end: int, reason: str, tail: bool) -> None:
        self.offset = offset
        self.end = end
        self.reason = reason
        self.tail = tail


class Journal:
    """The journal of this process, opened by its first record and anew after a fork.

    Parameters
    ----------
    root : `str`
        The store's directory.
    key : `Key`, optional
        Seals the records.
    """

    def __init__(self, root: str, key: Key | None = None) -> None:
        self._root = root
        self._key = key
        self._pid = 0
        self._descriptor = -1
        self._path = ""
        self._size = 0
        self._reserved = False
        self._lock = allocate_lock()

    def reserve(self) -> None:
        """Set room aside for the first records, before objects take the last of a nearly full store.

        Raises
        ------
        StoreError
            If there is none.
        """
        try:
            self._open()
            os.posix_fallocate(self._descriptor, 0, _RESERVE)
            self._reserved = True
        except OSError as err:
            if err.errno in (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS):
                return  # a file system that can't set room aside
            raise StoreError(f"store {self._root}: can't write a journal: {err.strerror or err}") from err

    def append(self, *records: tuple[str, bytes]) -> list[str]:
        """Append records, each a kind and its bytes, in one write, and return the digests of the bytes.

        Raises
        ------
        StoreError
            If they can't be written whole. What was written of them is taken back, so the journal stays readable.
        """
        digests = [digest_of(data) for _, data in records]
        seals = [self._seal(kind, digest) for (kind, _), digest in zip(records, digests, strict=True)]
        self._write(records, digests, seals)
        return digests

    def adopt(self, *records: tuple[str, bytes, str | None]) -> None:
        """Append records of another journal, each a kind, its bytes and the seal that it bears, in one write.

        Raises
        ------
        StoreError
            As for `append`.
        """
        digests = [digest_of(data) for _, data, _ in records]
        self._write([record[:2] for record in records], digests, [seal or UNSEALED for *_, seal in records])

    def close(self) -> None:
        """Say that this process writes no more, and see to it that what it wrote survives a loss of power.

        Raises
        ------
        StoreError
            If that can't be done.
        """
        if self._pid != os.getpid():
            return
        with self._lock:
            try:
                self._end()
            except OSError as err:
                raise StoreError(f"store {self._root}: can't write the journal: {err.strerror or err}") from err

    def _end(self) -> None:
        """Append that this journal has ended, sync and close it; another begins with the next record."""
        end = b"{}"
        line = _header(f"{END} {digest_of(end)} {len(end)} {UNSEALED}".encode("ascii")) + end + b"\n"
        descriptor, self._pid = self._descriptor, 0
        try:
            # One that went into a pack meanwhile needs no end: what came too late for that, was written anew.
            if self._append_in_place(line):
                os.fdatasync(descriptor)
                sync_directories(os.path.dirname(self._path), self._root)
        finally:
            os.close(descriptor)

    def _write(self, records: Sequence[tuple[str, bytes]], digests: Sequence[str], seals: Sequence[str]) -> None:
        lines = [
            _header(f"{kind} {digest} {len(data)} {seal}".encode("ascii")) + data + b"\n"
            for (kind, data), digest, seal in zip(records, digests, seals, strict=True)
        ]
        try:
            if self._pid != os.getpid():
                self._lock = allocate_lock()  # whoever held it when this process was forked is not in it
            with self._lock:
                if self._pid == os.getpid() and self._size > _FULL:
                    self._end()
                if self._pid != os.getpid():
                    self._open()
                if not self._append_in_place(b"".join(lines)):
                    # It was taken for one whose writer is gone, and went into a pack without these records.
                    self._open()
                    self._append(b"".join(lines))
        except OSError as err:
            raise StoreError(f"store {self._root}: can't write the journal: {err.strerror or err}") from err

    def _seal(self, kind: str, digest: str) -> str:
        # A recipe is named by its manifest's seal.
        return self._key.seal(kind, digest) if self._key is not None and kind not in ("recipe", END) else UNSEALED

    def _open(self) -> None:
        # After a fork the parent's descriptor is only forgotten, never closed: a close would be the child's own,
        # but the number may have been reused by the payload.
        name = uuid7()
        folder = os.path.join(self._root, "journal", time.strftime("%Y-%m-%d", time.gmtime()), name[-2:])
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        self._path = os.path.join(folder, name)
        try:
            os.makedirs(folder, exist_ok=True)
            self._descriptor = os.open(self._path, flags, 0o666)
        except FileNotFoundError:  # an ingest has just removed the empty directory
            os.makedirs(folder, exist_ok=True)
            self._descriptor = os.open(self._path, flags, 0o666)
        self._pid = os.getpid()
        self._size = 0
        self._reserved = False

    def _append_in_place(self, records: bytes) -> bool:
        """Append records, and return whether they stand under the journal's name."""
        try:
            self._append(records)
            return os.path.samestat(os.stat(self._path), os.fstat(self._descriptor))
        except FileNotFoundError:
            return False
        except OSError as err:
            # What a network's file system says of a file that was deleted elsewhere.
            if err.errno != errno.ESTALE:
                raise
            return False

    def _append(self, record: bytes) -> None:
        if self._reserved:
            os.ftruncate(self._descriptor, 0)
            self._reserved = False
        before = os.fstat(self._descriptor).st_size
        try:
            written = os.write(self._descriptor, record)
        except OSError as err:
            if err.errno != errno.ESTALE:
                os.ftruncate(self._descriptor, before)
            raise
        self._size = before + written
        if written != len(record):
            os.ftruncate(self._descriptor, before)
            raise OSError("the file system took only a part of the record (is it full?)")


def journal_paths(root: str) -> Iterator[str]:
    """Yield the paths of a store's journals, oldest day first."""
    top = os.path.join(root, "journal")
    try:
        for day in _folders(top, _DAY) if os.path.lexists(top) else ():
            for shard in _folders(day, _SHARD):
                # Other names are of others: a desktop's, or those that NFS gives to files which are deleted, but open.
                yield from (os.path.join(shard, name) for name in sorted(os.listdir(shard)) if is_uuid(name))
    except OSError as err:
        raise StoreError(f"store {root}: can't list its journals: {err.strerror or err}") from err


def _folders(top: str, names: str) -> list[str]:
    """Return directories by their names; a link may lead to another store, whose journals are not this one's."""
    found = [os.path.join(top, name) for name in sorted(os.listdir(top)) if re.fullmatch(names, name)]
    return [path for path in found if stat.S_ISDIR(os.lstat(path).st_mode)]


def read_journal(path: str, offset: int = 0) -> Iterator[Record | Damage]:
    """Yield the records of a journal from an offset on, and what is damaged between them.

    Raises
    ------
    StoreError
        If the file can't be read.
    """
    try:
        with open_regular(path) as stream:
            stream.seek(offset)
            data = stream.read()
    except (OSError, ValueError) as err:
        raise StoreError(f"{path}: {getattr(err, 'strerror', None) or err}") from err
    at = 0
    # Room that was set aside, and not written to yet, is zeros.
    written = len(data.rstrip(b"\0"))
    waste = Waste(len(data))
    while at < written:
        found = _parse(data, at, offset)
        if isinstance(found, Record):
            yield found
            at = found.end - offset
            continue
        following = data.find(_MAGIC, waste.resume(data, at, found.end, _MAGIC))
        end = len(data) if following < 0 else following
        yield Damage(offset + at, offset + end, found.reason, tail=following < 0 and found.reason == _TORN)
        at = end


class Waste:
    """Keeps a hostile file from being read again and again: each of its headers may promise half of the file.

    Parameters
    ----------
    length : `int`
        Of the file, in bytes.
    """

    def __init__(self, length: int) -> None:
        self._left = _MOST_READINGS * length

    def resume(self, data: bytes, at: int, end: int, magic: bytes) -> int:
        """Return where to look for the next header after one at an index, whose bytes go up to `end`, but are wrong.

        Within its bytes, where some are missing; behind them, if another header stands there, or too much was read.
        """
        self._left -= max(end - at, 0)
        is_whole = data.startswith((b"\n", magic), end)
        return end if end > at and (is_whole or self._left < 0) else at + 1


class _None:
    """Why there is no record, and up to where its header, if that is whole, says that its bytes go."""

    __slots__ = ("end", "reason")

    def __init__(self, reason: str, end: int = 0) -> None:
        self.reason = reason
        self.end = end


def _header(facts: bytes) -> bytes:
    return b"%s%s %08x\n" % (_MAGIC, facts, crc32(_MAGIC + facts))


def _parse(data: bytes, at: int, offset: int) -> Record | _None:
    """Return the record at an index of some bytes, else why there is none."""
    newline = data.find(b"\n", at, at + _MAX_HEADER)
    if newline < 0 and len(data) - at < _MAX_HEADER and (_MAGIC.startswith(data[at:]) or data.startswith(_MAGIC, at)):
        return _None(_TORN)
    fields = data[at : max(newline, at)].split(b" ")
    if (
        newline < 0
        or len(fields) != 6
        or not data[at:newline].isascii()
        or _header(b" ".join(fields[1:5])) != data[at : newline + 1]
    ):
        return _None("no record header")
    length = int(fields[3]) if fields[3].isdigit() and len(fields[3]) < 12 else MAX_RECORD + 1
    if length > MAX_RECORD:
        return _None("a record too long to be one")
    end = newline + 1 + length
    if len(data) <= end:
        return _None(_TORN)
    body = data[newline + 1 : end]
    digest = fields[2].decode("ascii")
    if digest_of(body) != digest:
        return _None(f"not the bytes of {digest[:19]}…", end)
    kind, seal = (fields[number].decode("ascii") for number in (1, 4))
    after = offset + end + (data[end : end + 1] == b"\n")
    return Record(kind, digest, body, None if seal == UNSEALED else seal, offset + at, after)


def read_record(path: str, offset: int) -> Record:
    """Return the record at an offset of a journal.

    Raises
    ------
    StoreError
        If there is none any more.
    """
    try:
        with open_regular(path) as stream:
            stream.seek(offset)
            data = stream.read(_MAX_HEADER)
            fields = data.partition(b"\n")[0].split(b" ")
            if len(fields) == 6 and fields[3].isdigit() and len(fields[3]) < 12:
                data += stream.read(min(int(fields[3]), MAX_RECORD) + 1)
    except (OSError, ValueError) as err:
        raise StoreError(f"{path}: {getattr(err, 'strerror', None) or err}") from err
    found = _parse(data, 0, offset)
    if not isinstance(found, Record):
        raise StoreError(f"{path}: no record at byte {offset}: {found.reason}")
    return found
