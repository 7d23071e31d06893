# SPDX-License-Identifier: Apache-2.0
"""Lists of processors as the kernel writes them (cpuset(7)): ``0-3,8``."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ("format_ranges", "parse_ranges")

_MOST = 1 << 16


def parse_ranges(text: str) -> set[int]:
    """Return the numbers that a list names; an empty text names none.

    Raises
    ------
    ValueError
        If it is no such list.
    """
    found: set[int] = set()
    text = text.strip()
    for part in text.split(",") if text else ():
        first, dash, last = part.partition("-")
        low = int(first)
        high = int(last) if dash else low
        if not 0 <= low <= high < _MOST:
            raise ValueError(f"{part[:40]!r} is no range of processors")
        if dash:
            found.update(range(low, high + 1))
        else:
            found.add(low)
    return found


def format_ranges(numbers: Iterable[int]) -> str:
    """Return the shortest list that names some numbers."""
    ranges: list[list[int]] = []
    for number in sorted(set(numbers)):
        if ranges and ranges[-1][1] == number - 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return ",".join(str(low) if low == high else f"{low}-{high}" for low, high in ranges)
