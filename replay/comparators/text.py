# SPDX-License-Identifier: Apache-2.0
"""Text files, line by line."""

from __future__ import annotations

import difflib
import io
from pathlib import Path
from typing import ClassVar

from .base import Comparator, reading
from .difference import Difference, Kind, transition

__all__ = ("TextComparator",)

_MOST_COMPARED = 2000
_MOST_SHOWN = 40


class TextComparator(Comparator):
    """Compares lines; bytes that are not UTF-8 are shown escaped."""

    name: ClassVar[str] = "text"
    description: ClassVar[str] = "text: lines, including how each one ends"

    def _compare(self, original: Path, remade: Path) -> tuple[Difference, ...]:
        a, b = _lines(original), _lines(remade)
        if a == b:
            return ()
        first, stop_a, stop_b = _differing_part(a, b)
        part_a, part_b = a[first:stop_a], b[first:stop_b]
        before, after = (part[0] if part else "" for part in (part_a, part_b))
        measures: dict[str, str | int] = {"line": first + 1, "lines_original": len(a), "lines_remade": len(b)}
        if len(part_a) + len(part_b) <= _MOST_COMPARED:
            # difflib needs time that grows with the square of the length.
            measures["unified"] = _unified(part_a, part_b)
        extent = f"{len(part_a)} → {len(part_b)} lines differ from line {first + 1} on"
        detail = f"{extent}: {_explain(before, after)}"
        return (Difference("lines", Kind.VALUE, detail, measures),)


def _lines(path: Path) -> list[str]:
    with reading(path):
        return io.StringIO(path.read_bytes().decode("utf-8", "surrogateescape"), newline="\n").readlines()


def _differing_part(a: list[str], b: list[str]) -> tuple[int, int, int]:
    """Find the first line that differs, and where the common end begins on each side."""
    shorter = min(len(a), len(b))
    first = next((i for i in range(shorter) if a[i] != b[i]), shorter)
    same = next((i for i in range(shorter - first) if a[-1 - i] != b[-1 - i]), shorter - first)
    return first, len(a) - same, len(b) - same


def _unified(a: list[str], b: list[str]) -> str:
    difference = list(difflib.unified_diff(a, b, "original", "re-made", lineterm="", n=0))
    shown = "\n".join(line.rstrip("\n") for line in difference[:_MOST_SHOWN])
    return shown.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _explain(before: str, after: str) -> str:
    if before and after and before.rstrip("\r\n") == after.rstrip("\r\n"):
        if not after.endswith("\n"):
            return "no newline at the end of the re-made file"
        if not before.endswith("\n"):
            return "no newline at the end of the original"
        return f"line ending {before[len(before.rstrip()) :]!r} → {after[len(after.rstrip()) :]!r}"
    before, after = (repr(line.rstrip("\n")) if line else "no line" for line in (before, after))
    return transition(before, after)
