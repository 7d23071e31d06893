# SPDX-License-Identifier: Apache-2.0
"""Packs for tests: of records, and blocks that no writer wrote, with every digest right."""

from __future__ import annotations

import io
import lzma
import zlib
from collections.abc import Iterable

from envcap.digest import digest_of
from envcap.store.pack import PackWriter

__all__ = ("forged_block", "packed")


def packed(records: Iterable[tuple[str, bytes, str | None]]) -> bytes:
    """Return a pack of records, each a kind, its bytes and its seal."""
    stream = io.BytesIO()
    writer = PackWriter(stream)
    for record in records:
        writer.add(*record)
    writer.finish()
    return stream.getvalue()


def forged_block(count: int, text: bytes, values: bytes = b"", codec: bytes = b"xz") -> bytes:
    """Return a block of any text and values."""
    data = lzma.compress(text, check=lzma.CHECK_NONE)
    line = b"envcap-block %b %d %d %d %d " % (codec, count, len(text), len(data), len(values))
    line += digest_of(data + values).encode()
    return line + b" %08x\n" % zlib.crc32(line) + data + values + b"\n"
