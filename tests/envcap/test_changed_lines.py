# SPDX-License-Identifier: Apache-2.0
"""Lines that differ are told with where they are."""

from __future__ import annotations

import pytest

from envcap.changed_lines import changed_lines


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("a\nb\nc\n", "a\nb\nc\n", []),
        ("a\nb\nc\n", "a\nB\nc\n", [("line 2", "b", "B")]),
        ("a\nb\n", "a\nb\nc\nd\n", [("line 3", "", "c\nd")]),
        ("a\nb\nc\n", "c\n", [("line 1", "a\nb", "")]),
        ("", "x\n", [("line 1", "", "x")]),
        ("a\nb\nc\nd\n", "A\nb\nc\nD\n", [("line 1", "a", "A"), ("line 4", "d", "D")]),
        ("x\n" * 6000, "y\n", [("all", "6000 lines", "1 lines")]),
    ],
)
def test_changed_lines(before: str, after: str, told: list[tuple[str, str, str]]) -> None:
    assert list(changed_lines(before, after)) == told
