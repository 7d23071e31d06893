# SPDX-License-Identifier: Apache-2.0
"""UUIDv7 (RFC 9562, section 5.7) and time stamps, without the 7 ms that importing `uuid` costs a job."""

from __future__ import annotations

import os
import time

__all__ = ("is_uuid", "timestamp", "uuid7")


def uuid7(now_ns: int | None = None) -> str:
    """Return a new UUIDv7: 48 bits of Unix time in milliseconds, then 74 random bits."""
    milliseconds = (time.time_ns() if now_ns is None else now_ns) // 1_000_000
    tail = int.from_bytes(os.urandom(10), "big")
    value = (milliseconds & (1 << 48) - 1) << 80 | 0x7 << 76 | (tail >> 68) << 64 | 0b10 << 62 | tail & (1 << 62) - 1
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def is_uuid(text: str) -> bool:
    """Whether a text is a UUID in its usual form, with hyphens."""
    parts = text.split("-")
    return [len(p) for p in parts] == [8, 4, 4, 4, 12] and all(c in "0123456789abcdefABCDEF" for p in parts for c in p)


def timestamp(now_ns: int | None = None) -> str:
    """Return a UTC time as RFC 3339 with milliseconds, e.g. ``2026-11-23T05:31:53.120Z``."""
    now_ns = time.time_ns() if now_ns is None else now_ns
    seconds, rest = divmod(now_ns, 1_000_000_000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{rest // 1_000_000:03d}Z"
