# SPDX-License-Identifier: Apache-2.0
"""How two sources differ, by lines."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import SequenceMatcher

__all__ = ("changed_lines",)

_MOST = 5000
"""Most lines that are told apart: what that costs grows with their square."""


def changed_lines(before: str, after: str) -> Iterator[tuple[str, str, str]]:
    """Yield where lines differ, the lines before and the lines after."""
    old, new = before.splitlines(), after.splitlines()
    if max(len(old), len(new)) > _MOST:
        yield "all", f"{len(old)} lines", f"{len(new)} lines"
        return
    for kind, i, j, k, m in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind != "equal":
            number = i + 1 if j > i else k + 1
            yield f"line {number}", "\n".join(old[i:j]), "\n".join(new[k:m])
