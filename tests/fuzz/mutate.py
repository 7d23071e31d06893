# SPDX-License-Identifier: Apache-2.0
"""Mutations of bytes, texts and JSON, all of them decided by one seeded generator."""

from __future__ import annotations

import json
import re
from binascii import crc32
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

__all__ = ("Mutator",)

_DIGEST = re.compile(rb"sha256:[0-9a-f]{64}")
_NUMBER = re.compile(rb"[0-9]+")
_NUMBERS = (0, -1, 1, 2**31, 2**53 - 1, 2**53, -(2**53), 2**63, 2**64, 10**18, 10**400, -(10**400))
_TEXTS = (
    "", " ", "\0", "a\0b", "\n", "a\nb\n", "\x1b]0;title\x07\x1b[2J", "\u202eevil", "\ufeff", "\ud800", "\udcff", "\U0001f600",
    "../../x", "../" * 40 + "etc/passwd", "/etc/passwd", "/dev/zero", "/dev/stdin", "/", ".", "~", "-", "--help", "-C",
    "file:///etc/passwd", "ext::sh -c x", "$(touch x)", "`id`", "; rm x", "%s%n", "{0.__class__}", "'; DROP TABLE manifests; --",
    "sha256:", "sha256:" + "0" * 64, "sha256:" + "../" * 21 + "x", "sha256:" + "G" * 64, "md5:" + "0" * 32, "NaN", "Infinity",
    "1e999", "3.11.7", "9.99.999", "3.11.7; x", "captured", "absent", "failed", "ok", "HEAD", "--upload-pack=x", "x" * 3000,
)  # fmt: skip
_BYTES = (b"\0", b"\xff", b"\xc3\x28", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\xf8\x88\x80\x80\x80", b"\n", b"\r\n", b'"', b"\\",
          b"{", b"}", b"[", b"]", b",", b":", b"1", b"e9", b".", b"-", b"\\u0000", b"\\ud800", b"null", b"\x1b[2J")  # fmt: skip


class Mutator:
    """Makes other inputs of given ones.

    Parameters
    ----------
    rng : `random.Random`
        Decides everything.
    pool : sequence of `bytes`
        Other inputs, to take pieces from.
    texts : sequence of `str`
        Texts that are put where texts stand, besides its own.
    """

    def __init__(self, rng: Random, pool: Sequence[bytes] = (), texts: Sequence[str] = ()) -> None:
        self.rng = rng
        self._pool = [data for data in pool if data] or [b"x"]
        self._texts = (*_TEXTS, *texts)

    def chance(self, probability: float) -> bool:
        """Whether something happens this time."""
        return self.rng.random() < probability

    def data(self, data: bytes) -> bytes:
        """Return other bytes: one to four things happen to them."""
        for _ in range(self.rng.choice((1, 1, 1, 2, 4))):
            data = self.rng.choice(self._OF_BYTES)(self, data)
        return data

    def document(self, data: bytes) -> bytes:
        """Return another JSON document: mostly with other values, sometimes with other bytes."""
        if self.chance(0.25):
            return self.data(data)
        try:
            value = json.loads(data)
        except ValueError:
            return self.data(data)
        for _ in range(self.rng.choice((1, 1, 2, 3))):
            value = self.value(value)
        written = json.dumps(value, ensure_ascii=self.chance(0.5), separators=(",", ":"), sort_keys=self.chance(0.8))
        return written.encode("utf-8", "surrogatepass")

    def value(self, value: Any) -> Any:
        """Return another JSON value: somewhere in it, one thing happens."""
        if isinstance(value, dict) and value and self.chance(0.8):
            name = self.rng.choice(list(value))
            return {**value, name: self.value(value[name])} if self.chance(0.75) else self._members(value, name)
        if isinstance(value, list) and value and self.chance(0.8):
            place = self.rng.randrange(len(value))
            if self.chance(0.7):
                return [*value[:place], self.value(value[place]), *value[place + 1 :]]
            return self.rng.choice((value[:place], value[place:], value * 2, [*value, value], value[::-1]))
        if isinstance(value, str) and self.chance(0.3):
            return self.text(value)
        return self._special()

    def text(self, text: str) -> str:
        """Return another text."""
        other = self.rng.choice(self._texts)
        place = self.rng.randint(0, len(text))
        return self.rng.choice(
            (
                other,
                text[:place],
                text[:place] + other + text[place:],
                text * 2,
                text.upper(),
                text[::-1],
                f"{other}/{text}",
            )
        )

    def header(self, journal: bytes) -> bytes:
        """Return a journal in which a record's header says something else, with its check made right again."""
        lines = list(re.finditer(rb"envcap-record [^\n]*\n", journal))
        if not lines:
            return self.data(journal)
        line = self.rng.choice(lines)
        *fields, _ = line[0][:-1].split(b" ")
        number = self.rng.randrange(1, len(fields))
        fields[number] = self.rng.choice((self._field, self._field, self.data))(fields[number])
        facts = b" ".join(fields)
        return journal[: line.start()] + b"%s %08x\n" % (facts, crc32(facts)) + journal[line.end() :]

    def _field(self, field: bytes) -> bytes:
        empty = b"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        number = str(self.rng.choice((*_NUMBERS, -14, -len(field), -100, 2**28, 2**28 + 1, 99999999999))).encode()
        return self.rng.choice(
            (number, b"-" + field, b"+" + field, field + b"_0", field + b"\xff", b"\xe9", b"", empty, b"recipe")
        )

    def _members(self, members: dict[str, Any], name: str) -> dict[str, Any]:
        others = {other: value for other, value in members.items() if other != name}
        return self.rng.choice(
            (
                others,
                {**others, self.text(name): members[name]},
                {**members, self.text(name): self._special()},
                {**members, "mediaType": self.rng.choice(self._texts)},
                {self.text(other): value for other, value in members.items()},
            )
        )

    def _special(self) -> Any:
        kind = self.rng.randrange(8)
        if kind < 3:
            return self.rng.choice(self._texts)
        if kind == 3:
            return self.rng.choice((*_NUMBERS, 1.5, float("nan"), -0.0, True, False, None))
        if kind == 4:
            return self.rng.choice(([], {}, [[]], [{}], {"": ""}, [None], {"a": None}))
        if kind == 5:
            return self._deep(self.rng.choice((3, 60, 70, 400)))
        if kind == 6:
            return self.rng.choice(("x" * 200_000, ["x"] * 2000, {str(n): n for n in range(2000)}))
        return self._from_pool()

    def _deep(self, depth: int) -> Any:
        value: Any = self.rng.choice(self._texts)
        for _ in range(depth):
            value = [value] if self.chance(0.5) else {"a": value}
        return value

    def _from_pool(self) -> Any:
        try:
            found = json.loads(self.rng.choice(self._pool))
        except ValueError:
            return self.rng.choice(self._texts)
        while isinstance(found, dict | list) and found and self.chance(0.6):
            found = self.rng.choice(list(found.values()) if isinstance(found, dict) else found)
        return found

    def _flip(self, data: bytes) -> bytes:
        if not data:
            return b"\0"
        changed = bytearray(data)
        for _ in range(self.rng.choice((1, 1, 8))):
            changed[self.rng.randrange(len(data))] ^= 1 << self.rng.randrange(8)
        return bytes(changed)

    def _truncate(self, data: bytes) -> bytes:
        place = self.rng.randint(0, len(data))
        return data[:place] if self.chance(0.7) else data[place:]

    def _cut(self, data: bytes) -> bytes:
        start, end = sorted((self.rng.randint(0, len(data)), self.rng.randint(0, len(data))))
        return data[:start] + data[end:]

    def _double(self, data: bytes) -> bytes:
        start, end = sorted((self.rng.randint(0, len(data)), self.rng.randint(0, len(data))))
        return data[:end] + data[start:end] * self.rng.choice((1, 2, 9)) + data[end:]

    def _splice(self, data: bytes) -> bytes:
        other = self.rng.choice(self._pool)
        start = self.rng.randrange(len(other))
        piece = other[start : self.rng.randint(start, len(other))]
        place = self.rng.randint(0, len(data))
        return data[:place] + piece + data[place if self.chance(0.5) else place + len(piece) :]

    def _insert(self, data: bytes) -> bytes:
        piece = self.rng.choice(_BYTES) * self.rng.choice((1, 1, 1, 3, 5000))
        if self.chance(0.2):
            piece = self.rng.choice(self._texts).encode("utf-8", "surrogatepass")
        place = self.rng.randint(0, len(data))
        return data[:place] + piece + data[place:]

    def _number(self, data: bytes) -> bytes:
        found = list(_NUMBER.finditer(data))
        if not found:
            return self._insert(data)
        one = self.rng.choice(found)
        return data[: one.start()] + str(self.rng.choice(_NUMBERS)).encode() + data[one.end() :]

    def _digest(self, data: bytes) -> bytes:
        found = list(_DIGEST.finditer(data))
        if not found:
            return self._flip(data)
        one, other = self.rng.choice(found), self.rng.choice(found)[0]
        made = self.rng.choice(
            (other, b"sha256:" + b"0" * 64, b"sha256:" + b"../" * 21 + b"x", b"sha256:", other.upper())
        )
        return data[: one.start()] + made + data[one.end() :]

    _OF_BYTES: tuple[Callable[[Mutator, bytes], bytes], ...] = (
        _flip, _flip, _truncate, _cut, _double, _splice, _insert, _insert, _number, _digest,
    )  # fmt: skip
