# SPDX-License-Identifier: Apache-2.0
"""A block of a pack: some records, compressed together, and few enough that one of them is read in milliseconds.

Digests and UUIDs are random, and hexadecimal digits cost a compressor more than the bytes that they stand for. So they
are taken out of the text: each stands once, as bytes, behind it, and the text has a mark in its place.
``docs/format.md``, "Packs", is the contract.
"""

from __future__ import annotations

import lzma
import re
from collections.abc import Iterator
from itertools import accumulate, islice

from ..digest import digest_of
from ..errors import FormatError
from .journal import MAX_RECORD, UNSEALED, Record

__all__ = ("MAX_TEXT", "Block", "BlockWriter")

MAX_TEXT = MAX_RECORD + (1 << 20)
"""Longest text that a reader believes, in bytes."""

_FULL = 192 << 10
_CODEC = {"id": lzma.FILTER_LZMA2, "preset": 0}
_MEMORY = 64 << 20
_MAX_NUMBERED = 1 << 14
_MAX_RECORDS = 1 << 14
_LONGEST_VALUE = 73

_DIGEST, _UUID, _MAC, _AGAIN, _ESCAPE, _END = b"\1", b"\2", b"\3", b"\4", b"\5", b"\0"
_VALUE = re.compile(rb'"(sha256:[0-9a-f]{64}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})"')
_MARK_BY_LENGTH = {71: _DIGEST, 36: _UUID}
_BYTES = {_DIGEST[0]: 32, _UUID[0]: 16, _MAC[0]: 16}
_SEAL = re.compile(rb"([0-9a-f]{16}:)([0-9a-f]{32})")
_SPECIALS = bytes(range(6))
_SPECIAL = re.compile(rb"[\x00-\x05]")
_OTHERS = bytes(range(4, 256))
# Each branch begins with one byte, and not with a set: so Python looks for these bytes alone, ten times as fast.
_MARK = re.compile(rb"\x01|\x02|\x03|\x04..|\x05.", re.DOTALL)


class BlockWriter:
    """Gathers records until a block is full."""

    def __init__(self) -> None:
        self.count = 0
        self._text: list[bytes] = []
        self._length = 0
        self._numbers: dict[bytes, bytes] = {}
        self._values: list[bytes] = []

    @property
    def is_full(self) -> bool:
        """Whether another record should go into the next block."""
        return self._length >= _FULL or self.count >= _MAX_RECORDS

    def add(self, kind: str, data: bytes, seal: str | None) -> None:
        """Add a record."""
        head = _escaped(f"{kind} {seal or UNSEALED}".encode("ascii"))
        if sealed := _SEAL.fullmatch(head.partition(b" ")[2]):
            head = head[: -len(sealed[2])] + _MAC
            self._values.append(sealed[2])
        pieces = _VALUE.split(_escaped(data))
        for at in range(1, len(pieces), 2):
            pieces[at] = self._mark(pieces[at])
        text = b"".join((head, b"\n", *pieces, _END))
        self._text.append(text)
        self._length += len(text)
        self.count += 1

    def _mark(self, value: bytes) -> bytes:
        if (known := self._numbers.get(value)) is not None:
            return known
        number = len(self._numbers)
        if number < _MAX_NUMBERED:
            self._numbers[value] = b"%c%c%c" % (_AGAIN[0], 0x80 | number >> 7, 0x80 | number & 0x7F)
        self._values.append(value.removeprefix(b"sha256:").replace(b"-", b""))
        return _MARK_BY_LENGTH[len(value)]

    def finish(self) -> tuple[int, bytes, bytes]:
        """Return the length of the text, the text compressed, and the values."""
        packed = lzma.compress(b"".join(self._text), format=lzma.FORMAT_XZ, check=lzma.CHECK_NONE, filters=[_CODEC])
        return self._length, packed, bytes.fromhex(b"".join(self._values).decode("ascii"))


class Block:
    """The records of a block.

    Parameters
    ----------
    count, length : `int`
        Number of records, and of bytes of text, as the block's header tells them.
    packed, values : `bytes`
    offset, end : `int`
        Where the block stands in its pack, in bytes.

    Raises
    ------
    FormatError
        If this is no block.
    """

    def __init__(self, count: int, length: int, packed: bytes, values: bytes, offset: int, end: int) -> None:
        self.offset = offset
        self.end = end
        if count > _MAX_RECORDS:
            raise FormatError(f"a block of {count} records, of which {_MAX_RECORDS} are the most")
        text = _unpacked(packed, length)
        if text.count(_END) != count:
            raise FormatError(f"a block of {text.count(_END)} records that should have {count}")
        self._parts = text.split(_END)
        if self._parts.pop():
            raise FormatError("a block that ends within a record")
        by_part = text.translate(None, _OTHERS).split(_END)
        self._first = [0, *accumulate(map(len, by_part))]
        self._new = b"".join(by_part)
        self._ends = [0, *accumulate(map(_BYTES.__getitem__, self._new))]
        self._values = values
        if self._ends[-1] != len(values):
            raise FormatError(f"a block of {len(values)} bytes of values that should have {self._ends[-1]}")
        numbered = (at for at, mark in enumerate(self._new) if mark != _MAC[0])
        self._numbered = list(islice(numbered, _MAX_NUMBERED))

    def __len__(self) -> int:
        return len(self._parts)

    def __iter__(self) -> Iterator[Record]:
        return map(self.record, range(len(self)))

    def record(self, number: int) -> Record:
        """Return a record by its number in the block.

        Raises
        ------
        FormatError
            If there is no such record.
        """
        if not 0 <= number < len(self):
            raise FormatError(f"a block of {len(self)} records has none of number {number}")
        new = iter(range(self._first[number], self._first[number + 1]))

        def meant(mark: re.Match[bytes]) -> bytes:
            found = mark[0]
            if found[:1] == _AGAIN:
                at = (found[1] & 0x7F) << 7 | found[2] & 0x7F
                if at >= len(self._numbered):
                    raise FormatError(f"a block without a value of number {at}")
                return self._form(self._numbered[at])
            return bytes((found[1] & 0x3F,)) if found[:1] == _ESCAPE else self._form(next(new))

        head, newline, data = self._parts[number].partition(b"\n")
        if len(data) + _LONGEST_VALUE * data.count(_AGAIN) > MAX_RECORD:
            raise FormatError(f"record {number} of a block is too long to be one")
        kind, _, seal = _MARK.sub(meant, head).partition(b" ")
        body = _MARK.sub(meant, data)
        if not newline or not seal or not (kind + seal).isascii():
            raise FormatError(f"record {number} of a block has no head")
        told = None if seal == UNSEALED.encode() else seal.decode("ascii")
        return Record(kind.decode("ascii"), digest_of(body), body, told, self.offset, self.end, number)

    def _form(self, at: int) -> bytes:
        """Return the text of a value, by its place among all of them."""
        digits = self._values[self._ends[at] : self._ends[at + 1]].hex().encode("ascii")
        mark = self._new[at]
        if mark == _MAC[0]:
            return digits
        if mark == _DIGEST[0]:
            return b'"sha256:%b"' % digits
        return b'"%b-%b-%b-%b-%b"' % (digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:])


def _escaped(data: bytes) -> bytes:
    """Return bytes without those that marks are made of; no JSON has any."""
    if len(data.translate(None, _SPECIALS)) == len(data):
        return data
    return _SPECIAL.sub(lambda found: _ESCAPE + bytes((found[0][0] | 0x40,)), data)


def _unpacked(packed: bytes, length: int) -> bytes:
    unpacker = lzma.LZMADecompressor(format=lzma.FORMAT_XZ, memlimit=_MEMORY)
    try:
        text = unpacker.decompress(packed, max_length=length + 1)
    except lzma.LZMAError as err:
        raise FormatError(f"a block that is not compressed as it should be: {err}") from err
    if len(text) != length or not unpacker.eof:
        raise FormatError(f"a block whose text hasn't its {length} bytes")
    return text
