# SPDX-License-Identifier: Apache-2.0
"""Packs: files of compressed blocks of records, each block with a header by which it verifies itself.

A header is one line, ``envcap-block xz RECORDS TEXT PACKED VALUES DIGEST CHECK``: the number of records, the lengths in
bytes of the text, of the text compressed, and of the values behind it, the sha256 of what follows, and the CRC-32 of
what stands before it in the line. As in a journal, a block that doesn't verify is passed over.
"""

from __future__ import annotations

import os
from binascii import crc32
from collections.abc import Iterator
from contextlib import contextmanager

from ..digest import digest_of
from ..errors import FormatError, StoreError
from .block import MAX_TEXT, Block, BlockWriter
from .journal import Damage, Waste

__all__ = ("PackWriter", "read_block", "read_pack", "written_pack")

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO

_MAGIC = b"envcap-block "
_CODEC = b"xz"
_MAX_HEADER = 256
_TORN = "cut short"


class PackWriter:
    """Writes a pack to a stream; `size` is what it has by now, in bytes."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._block = BlockWriter()
        self.size = 0

    def add(self, kind: str, data: bytes, seal: str | None) -> tuple[int, int]:
        """Add a record, and return the offset of its block and its number there."""
        if self._block.is_full:
            self.finish()
        self._block.add(kind, data, seal)
        return self.size, self._block.count - 1

    def finish(self) -> None:
        """Write what is left."""
        if not self._block.count:
            return
        length, packed, values = self._block.finish()
        facts = b"%d %d %d %d" % (self._block.count, length, len(packed), len(values))
        line = b"%b%b %b %b" % (_MAGIC, _CODEC, facts, digest_of(packed + values).encode("ascii"))
        block = b"%b %08x\n%b%b\n" % (line, crc32(line), packed, values)
        self._stream.write(block)
        self.size += len(block)
        self._block = BlockWriter()


@contextmanager
def written_pack(path: str) -> Iterator[PackWriter]:
    """Give what writes a new pack, which is whole and synced at the end; there is none if that could not be.

    Raises
    ------
    OSError
        If it can't be written.
    """
    try:
        with open(path, "xb") as stream:
            writer = PackWriter(stream)
            yield writer
            writer.finish()
            stream.flush()
            os.fsync(stream.fileno())
    except (OSError, StoreError):
        if os.path.lexists(path):
            os.unlink(path)
        raise


def read_pack(stream: BinaryIO) -> Iterator[Block | Damage]:
    """Yield the blocks of a pack, and what is damaged between them."""
    data = stream.read()
    waste = Waste(len(data))
    at = 0
    while at < len(data):
        found = _parse(data, at, 0)
        if isinstance(found, Block):
            yield found
            at = found.end
            continue
        header = _header(data, at)
        following = data.find(_MAGIC, waste.resume(data, at, 0 if isinstance(header, str) else header[3], _MAGIC))
        end = len(data) if following < 0 else following
        yield Damage(at, end, found, tail=False)
        at = end


def read_block(stream: BinaryIO, offset: int) -> Block:
    """Return the block at an offset of a pack.

    Raises
    ------
    FormatError
        If there is none.
    OSError
        If it can't be read.
    """
    if offset < 0:
        raise FormatError(f"no block at byte {offset}")
    stream.seek(offset)
    data = stream.read(_MAX_HEADER)
    header = _header(data, 0)
    if not isinstance(header, str):
        data += stream.read(max(header[3] + 1 - len(data), 0))
    found = _parse(data, 0, offset)
    if isinstance(found, str):
        raise FormatError(f"no block at byte {offset}: {found}")
    return found


def _header(data: bytes, at: int) -> tuple[list[int], str, int, int] | str:
    """Return a header's four numbers, its digest, and where the bytes begin and end; else what is wrong."""
    newline = data.find(b"\n", at, at + _MAX_HEADER)
    fields = data[at : max(newline, at)].split(b" ")
    if newline < 0 or len(fields) != 8 or not data.startswith(_MAGIC, at) or not data[at:newline].isascii():
        return "no block header"
    line, _, check = data[at:newline].rpartition(b" ")
    if check != b"%08x" % crc32(line):
        return "a block header that was changed"
    if fields[1] != _CODEC:
        return f"a block that a newer envcap wrote (it is packed by {fields[1][:20].decode('ascii')!r}); update envcap"
    numbers = [int(field) if field.isdigit() and len(field) < 12 else MAX_TEXT + 1 for field in fields[2:6]]
    if max(numbers) > MAX_TEXT:
        return "a block too long to be one"
    start = newline + 1
    return numbers, fields[6].decode("ascii"), start, start + numbers[2] + numbers[3]


def _parse(data: bytes, at: int, offset: int) -> Block | str:
    """Return the block at an index of some bytes, else why there is none."""
    header = _header(data, at)
    if isinstance(header, str):
        return header
    (count, length, packed, _), digest, start, end = header
    if len(data) < end:
        return _TORN
    if digest_of(data[start:end]) != digest:
        return f"not the bytes of {digest[:19]}…"
    after = end + (data[end : end + 1] == b"\n")
    middle = start + packed
    try:
        return Block(count, length, data[start:middle], data[middle:end], offset + at, offset + after)
    except FormatError as err:
        return str(err)
