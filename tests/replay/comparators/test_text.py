# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from replay.comparators.difference import Difference
from replay.comparators.policy import Verdict
from replay.comparators.text import TextComparator


def compare(folder: Path, a: str | bytes, b: str | bytes) -> tuple[Difference, ...]:
    paths = folder / "a.txt", folder / "b.txt"
    for path, content in zip(paths, (a, b), strict=True):
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return TextComparator().compare(*paths)


@pytest.mark.parametrize(
    ("a", "b", "detail"),
    [
        ("x\ny\nz\n", "x\nY\nz\n", "1 → 1 lines differ from line 2 on: 'y' → 'Y'"),
        ("x\nz\n", "x\ny\nz\n", "0 → 1 lines differ from line 2 on: no line → 'y'"),
        ("x\ny\n", "x\n", "1 → 0 lines differ from line 2 on: 'y' → no line"),
        ("x\ny\n", "x\ny", "1 → 1 lines differ from line 2 on: no newline at the end of the re-made file"),
        ("x", "x\n", "1 → 1 lines differ from line 1 on: no newline at the end of the original"),
        ("x\n", "x\r\n", "1 → 1 lines differ from line 1 on: line ending '\\n' → '\\r\\n'"),
        ("", "x\n", "0 → 1 lines differ from line 1 on: no line → 'x'"),
        ("x\x0cy\n", "x\x0bz\n", "1 → 1 lines differ from line 1 on: 'x\\x0cy' → 'x\\x0bz'"),
        (b"\xff\n", b"\\xff\n", "1 → 1 lines differ from line 1 on: '\\udcff' → '\\\\xff'"),
        ("a\nb\nb\n", "a\nb\n", "1 → 0 lines differ from line 3 on: 'b' → no line"),
    ],
)
def test_the_first_line_that_differs_is_shown(tmp_path: Path, a: Any, b: Any, detail: str) -> None:
    (found,) = compare(tmp_path, a, b)
    assert found.detail == detail
    json.dumps(found.to_json(), ensure_ascii=False).encode()


def test_equal_texts(tmp_path: Path) -> None:
    assert compare(tmp_path, "", "") == ()
    assert compare(tmp_path, b"\xff\n", b"\xff\n") == ()


def test_a_missing_newline_is_different(tmp_path: Path, judge: Any) -> None:
    compare(tmp_path, "x\n", "x")
    verdict, lines = judge(tmp_path / "a.txt", tmp_path / "b.txt")
    assert verdict is Verdict.DIFFERENT
    assert "no newline at the end of the re-made file" in lines[0]


def test_the_unified_difference_is_limited(tmp_path: Path) -> None:
    (found,) = compare(tmp_path, "x\n1\ny\n", "x\n2\ny\n")
    assert found.measures["unified"] == "--- original\n+++ re-made\n@@ -1 +1 @@\n-1\n+2"
    (found,) = compare(tmp_path, "x\n" * 500, "y\n" * 500)
    assert str(found.measures["unified"]).count("\n") == 39
    (found,) = compare(tmp_path, "x\n" * 5000, "y\n" * 5000)
    assert "unified" not in found.measures
