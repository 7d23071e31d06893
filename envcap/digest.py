# SPDX-License-Identifier: Apache-2.0
"""Canonical JSON (RFC 8785) and SHA-256: the only hashing code.

Hashed documents carry no floating-point numbers, so RFC 8785 reduces to three rules that the standard library can
follow: members sorted by UTF-16 code units, no white space, and the escapes of its section 3.2.2.2.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

__all__ = (
    "MAX_INTEGER",
    "Json",
    "canonical_json",
    "digest_of",
    "digest_of_file",
    "hmac_sha256",
    "sha256_hex",
    "use_openssl",
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeAlias

    Json: TypeAlias = str | int | bool | Sequence["Json"] | Mapping[str, "Json"] | None
else:
    Json = object

MAX_INTEGER = 2**53 - 1
"""Largest magnitude that every JSON reader keeps exactly (RFC 7493, section 2.2)."""

_CHUNK = 1 << 18
_LARGE = 1 << 20
_BLOCK = 64
_INNER, _OUTER = (bytes(byte ^ pad for byte in range(256)) for pad in (0x36, 0x5C))
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False).encode
_encode_sorted = json.JSONEncoder(
    ensure_ascii=False, separators=(",", ":"), check_circular=False, sort_keys=True
).encode


def _sha256() -> Callable[[bytes], Any]:
    """Return the interpreter's own: loading OpenSSL takes longer than all that a short job hashes.

    The standard library does so, too (`random`).
    """
    if "_hashlib" not in sys.modules:
        for module in ("_sha2", "_sha256"):  # from Python 3.12 on, and before
            with suppress(ImportError):
                return __import__(module).sha256  # type: ignore[no-any-return]
    return _openssl()


def _openssl() -> Callable[[bytes], Any]:
    import hashlib

    return hashlib.sha256


sha256 = _sha256()


def use_openssl() -> None:
    """Hash by OpenSSL from now on: whoever reads a store hashes much, and it is several times as fast."""
    global sha256
    sha256 = _openssl()


class _Misfit(Exception):  # noqa: N818  (never leaves this module)
    """A value that has no place in a hashed document; its path is put together on the way out."""

    def __init__(self, error: type[Exception], reason: str) -> None:
        super().__init__(reason)
        self.error = error
        self.reason = reason
        self.path = ""


def _is_simple(value: Any) -> bool:
    """Whether the encoder itself can sort the members: they are ASCII, and all values of the types that belong here.

    That is nearly every document, and takes a third of the time, inside jobs.
    """
    kind = type(value)
    if kind is dict:
        for key in value:
            if type(key) is not str or not key.isascii():
                return False
        value = value.values()
    elif kind is not list and kind is not tuple:
        return False
    for item in value:
        kind = type(item)
        if kind is str or item is None or kind is bool:
            continue
        if kind is int:
            if not -MAX_INTEGER <= item <= MAX_INTEGER:
                return False
        elif not _is_simple(item):
            return False
    return True


def _ordered(value: Any) -> Json:
    # The exact types first: an abstract class's isinstance takes ten times as long, and this runs inside jobs.
    kind = type(value)
    if value is None or kind is str or kind is bool:
        return value  # type: ignore[no-any-return]
    if kind is dict:
        return _ordered_members(value)
    if kind is list or kind is tuple:
        return _ordered_items(value)
    if isinstance(value, int):
        if not -MAX_INTEGER <= value <= MAX_INTEGER:
            raise _Misfit(ValueError, f"integer {value} is beyond 2^53 - 1; write it as a string")
        return int(value)
    if isinstance(value, str):
        return str(value)
    if isinstance(value, Mapping):
        return _ordered_members(value)
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return _ordered_items(value)
    raise _Misfit(TypeError, f"{kind.__name__} has no place in a hashed document")


def _ordered_items(items: Sequence[Any]) -> Json:
    made = []
    for item in items:
        try:
            made.append(_ordered(item))
        except _Misfit as err:
            err.path = f"[{len(made)}]{err.path}"
            raise
    return made


def _ordered_members(members: Mapping[str, Any]) -> Json:
    for key in members:
        if not isinstance(key, str):
            raise _Misfit(TypeError, f"member name {key!r} is not a string")
    made = {}
    for key in sorted(members) if all(map(str.isascii, members)) else sorted(members, key=_utf16):
        try:
            made[key] = _ordered(members[key])
        except _Misfit as err:
            err.path = f".{key}{err.path}"
            raise
    return made


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
    try:
        text = _encode_sorted(value) if _is_simple(value) else _encode(_ordered(value))
    except _Misfit as err:
        raise err.error(f"${err.path}: {err.reason}") from None
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as err:
        raise ValueError(f"a string is not valid Unicode near {text[max(0, err.start - 20) : err.start]!r}") from err


def digest_of(data: bytes) -> str:
    """Return ``sha256:<64 hex digits>`` of some bytes."""
    return "sha256:" + sha256_hex(data)


def sha256_hex(data: bytes) -> str:
    """Return the SHA-256 of some bytes as 64 hex digits."""
    return str(sha256(data).hexdigest())


def hmac_sha256(secret: bytes, message: bytes) -> bytes:
    """Return the HMAC-SHA256 (RFC 2104) of a message under a secret of at most 64 bytes."""
    key = secret.ljust(_BLOCK, b"\0")
    inner = sha256(key.translate(_INNER) + message).digest()
    return bytes(sha256(key.translate(_OUTER) + inner).digest())


def digest_of_file(path: str) -> tuple[str, int]:
    """Return the digest and the size in bytes of a file, read in pieces.

    Raises
    ------
    OSError
        If the file can't be read.
    """
    # Few system calls: each lets another thread of the payload run, and then this one waits for its turn.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        expected = os.fstat(descriptor).st_size
        if expected >= _LARGE:
            return _digest_in_pieces(descriptor, _openssl()(b""), 0)
        data = os.read(descriptor, expected + 1)
        if len(data) != expected:  # it has grown, or is no regular file
            return _digest_in_pieces(descriptor, sha256(data), len(data))
        return digest_of(data), expected
    except OSError as err:
        err.filename = path
        raise
    finally:
        os.close(descriptor)


def _digest_in_pieces(descriptor: int, hasher: Any, size: int) -> tuple[str, int]:
    while piece := os.read(descriptor, _CHUNK):
        hasher.update(piece)
        size += len(piece)
    return "sha256:" + hasher.hexdigest(), size
