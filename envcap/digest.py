# SPDX-License-Identifier: Apache-2.0
"""Canonical JSON (RFC 8785) and SHA-256: the only hashing code.

Hashed documents carry no floating-point numbers, so RFC 8785 reduces to three rules that the standard library can
follow: members sorted by UTF-16 code units, no white space, and the escapes of its section 3.2.2.2.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence

__all__ = ("MAX_INTEGER", "Json", "canonical_json", "digest_of", "digest_of_file")

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    Json: TypeAlias = str | int | bool | Sequence["Json"] | Mapping[str, "Json"] | None
else:
    Json = object

MAX_INTEGER = 2**53 - 1
"""Largest magnitude that every JSON reader keeps exactly (RFC 7493, section 2.2)."""

_CHUNK = 1 << 20
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False).encode


def _ordered(value: Json, where: str) -> Json:
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, int):
        if not -MAX_INTEGER <= value <= MAX_INTEGER:
            raise ValueError(f"{where}: integer {value} is beyond 2^53 - 1; write it as a string")
        return value
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise TypeError(f"{where}: member name {key!r} is not a string")
        keys = sorted(value) if all(map(str.isascii, value)) else sorted(value, key=_utf16)
        return {key: _ordered(value[key], f"{where}.{key}") for key in keys}
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return [_ordered(item, f"{where}[{i}]") for i, item in enumerate(value)]
    raise TypeError(f"{where}: {type(value).__name__} has no place in a hashed document")


def _utf16(text: str) -> bytes:
    return text.encode("utf-16-be", "surrogatepass")


def canonical_json(value: Json) -> bytes:
    """Return the RFC 8785 bytes of a document.

    Parameters
    ----------
    value : JSON value
        Without floats, and without integers beyond 2^53.

    Returns
    -------
    data : `bytes`
        UTF-8.

    Raises
    ------
    TypeError
        For a float, or any other type that has no place in a hashed document.
    ValueError
        For an integer beyond 2^53, or a string that is not Unicode (a lone surrogate).
    """
    text = _encode(_ordered(value, "$"))
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as err:
        raise ValueError(f"a string is not valid Unicode near {text[max(0, err.start - 20) : err.start]!r}") from err


def digest_of(data: bytes) -> str:
    """Return ``sha256:<64 hex digits>`` of some bytes."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def digest_of_file(path: str) -> tuple[str, int]:
    """Return the digest and the size in bytes of a file, read in pieces.

    Raises
    ------
    OSError
        If the file can't be read.
    """
    hasher = hashlib.sha256()
    size = 0
    with open(path, "rb", buffering=0) as stream:
        while piece := stream.read(_CHUNK):
            hasher.update(piece)
            size += len(piece)
    return "sha256:" + hasher.hexdigest(), size
