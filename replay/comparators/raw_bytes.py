# SPDX-License-Identifier: Apache-2.0
"""Files of no known type: where their bytes part."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from .base import Comparator, reading
from .difference import Difference, Kind

__all__ = ("BytesComparator",)

_BLOCK = 1 << 20


class BytesComparator(Comparator):
    """Finds the first byte that differs."""

    name: ClassVar[str] = "bytes"
    description: ClassVar[str] = "any file: its size and the first byte that differs"

    def _compare(self, original: Path, remade: Path) -> tuple[Difference, ...]:
        with reading(original):
            size_a = original.stat().st_size
        with reading(remade):
            size_b = remade.stat().st_size
        measures: dict[str, str | int] = {"size_original": str(size_a), "size_remade": str(size_b)}
        offset = _first_difference(original, remade)
        if offset is None:
            return ()
        detail = f"{size_a} → {size_b} bytes, the first difference is at offset {offset}"
        return (Difference("bytes", Kind.BYTES, detail, {**measures, "offset": str(offset)}),)


def _first_difference(original: Path, remade: Path) -> int | None:
    """Find the first offset at which two files differ; the end of the shorter one counts."""
    offset = 0
    with original.open("rb") as file_a, remade.open("rb") as file_b:
        while True:
            a, b = file_a.read(_BLOCK), file_b.read(_BLOCK)
            if a != b:
                shorter = min(len(a), len(b))
                return offset + next((i for i in range(shorter) if a[i] != b[i]), shorter)
            if not a:
                return None
            offset += len(a)
