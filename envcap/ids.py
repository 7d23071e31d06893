# SPDX-License-Identifier: Apache-2.0
"""UUIDv7 (RFC 9562, section 5.7) and time stamps, without the 7 ms that importing `uuid` costs a job."""

from __future__ import annotations

import os
import time

__all__ = ("is_uuid", "timestamp", "uuid7", "uuid_bytes", "uuid_text")


def uuid7(now_ns: int | None = None) -> str:
    """Return a new UUIDv7: 48 bits of Unix time in milliseconds, then 74 random bits."""
    milliseconds = (time.time_ns() if now_ns is None else now_ns) // 1_000_000
    tail = int.from_bytes(os.urandom(10), "big")
    value = (milliseconds & (1 << 48) - 1) << 80 | 0x7 << 76 | (tail >> 68) << 64 | 0b10 << 62 | tail & (1 << 62) - 1
    return uuid_text(value.to_bytes(16, "big"))


def uuid_text(value: bytes) -> str:
    """Return the usual form of a UUID's 16 bytes, with hyphens."""
    text = value.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def is_uuid(text: str) -> bool:
    """Whether a text is a UUID in its usual form, with hyphens."""
    return uuid_bytes(text) is not None


def uuid_bytes(text: str) -> bytes | None:
    """Return the 16 bytes of a UUID in its usual form, with hyphens; `None` if it is none."""
    if len(text) != 36 or not text[8] == text[13] == text[18] == text[23] == "-":
        return None
    try:
        found = bytes.fromhex(text.replace("-", ""))
    except ValueError:
        return None
    return found if len(found) == 16 else None


def timestamp(now_ns: int | None = None) -> str:
    """Return a UTC time as RFC 3339 with milliseconds, e.g. ``2026-11-23T05:31:53.120Z``."""
    now_ns = time.time_ns() if now_ns is None else now_ns
    seconds, rest = divmod(now_ns, 1_000_000_000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{rest // 1_000_000:03d}Z"
