# SPDX-License-Identifier: Apache-2.0
"""Finds canaries in bytes: whole or in part, plain or encoded, compressed or not."""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import quote, quote_plus

import pyarrow as pa
import pytest

from tests.secrets.making import Canary

__all__ = ("Finder", "forms")

_HEX_WINDOW = 24
_CONTEXT = 60
_COMPRESSED = re.compile(rb"\x78[\x01\x5e\x9c\xda]|\x1f\x8b\x08|\x28\xb5\x2f\xfd")
"""How streams of zlib, gzip and Zstandard begin."""


class Finder:
    """Finds every stretch of a secret that is as long as a window.

    Parameters
    ----------
    canaries : iterable of `Canary`
    window : `int`
        Length of the shortest stretch; a secret that is shorter is found as a whole.
    """

    def __init__(self, canaries: Iterable[Canary], window: int = 12) -> None:
        self._needles: dict[int, dict[bytes, str]] = {}
        for canary in canaries:
            for form in forms(canary.secret):
                self._add(form, canary.name, window)
            # Hexadecimal has so few letters that a short stretch of it would be found in any digest.
            digits = canary.secret.encode().hex()
            for form in (digits.encode(), digits.upper().encode()):
                self._add(form, canary.name, _HEX_WINDOW)

    def _add(self, form: bytes, name: str, window: int) -> None:
        size = min(len(form), window)
        needles = self._needles.setdefault(size, {})
        for at in range(len(form) - size + 1):
            # A stretch that two secrets share tells neither: it is what all tokens of a kind have in them.
            owner = needles.setdefault(form[at : at + size], name)
            needles[form[at : at + size]] = name if owner == name else ""

    def places(self, data: bytes) -> dict[str, int]:
        """Return where each canary that some bytes hold first stands in them."""
        found: dict[str, int] = {}
        for size, needles in self._needles.items():
            for at in range(len(data) - size + 1):
                if (name := needles.get(data[at : at + size])) and at < found.get(name, len(data)):
                    found[name] = at
        return found

    def names(self, text: str | bytes) -> set[str]:
        """Return the names of the canaries that a text holds."""
        return set(self.places(text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text))

    def must_find_nothing(self, root: Path) -> None:
        """Search every byte below a directory; fail with a line for each canary in each file."""
        lines = self.in_files(root)
        if lines:
            pytest.fail("\n".join((f"secrets in {root.name}:", *lines)), pytrace=False)

    def in_files(self, root: Path) -> list[str]:
        """Return, for each canary in each file below a directory, a line that says where it stands."""
        lines = []
        for path in sorted(path for path in root.rglob("*") if path.is_file()):
            place = str(path.relative_to(root))
            for what, data in (("name", place.encode()), *_views(path.read_bytes())):
                for name, at in sorted(self.places(data).items()):
                    before = data[max(0, at - _CONTEXT) : at].decode("utf-8", "replace")
                    lines.append(f"{name} in {place} ({what}), after {before!r}")
        return lines


def forms(secret: str) -> Iterator[bytes]:
    """Yield a secret as it stands, and as URLs, JSON (in JSON) and base64 may write it."""
    raw = secret.encode()
    escaped = json.dumps(secret, ensure_ascii=False)[1:-1]
    texts = (secret, quote(secret, safe=""), quote_plus(secret), escaped, json.dumps(escaped)[1:-1])
    yield from dict.fromkeys(text.encode() for text in texts)
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + raw)
        # Only the characters that hold nothing of what stands before and after.
        inner = encoded[(0, 2, 3)[before] : 8 * (before + len(raw)) // 6]
        yield from {inner, inner.translate(bytes.maketrans(b"+/", b"-_"))}


def _views(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield some bytes, and what they hold once they are decompressed, to any depth."""
    yield "bytes", data
    for start in _COMPRESSED.finditer(data):
        for what, inner in _views(_decompressed(data[start.start() :])):
            yield f"compressed {what}", inner


def _decompressed(data: bytes) -> bytes:
    """Return what a compressed stream holds, as far as it can be read; nothing if it is none."""
    if data.startswith(b"\x28"):
        try:
            return bytes(pa.CompressedInputStream(pa.BufferReader(data), "zstd").read())
        except OSError:
            return b""
    reader = zlib.decompressobj(31 if data.startswith(b"\x1f") else 15)
    pieces = []
    try:
        for at in range(0, len(data), 256):
            pieces.append(reader.decompress(data[at : at + 256]))
            if reader.eof:
                break
    except zlib.error:
        pass
    return b"".join(pieces)
