# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pytest

from replay.comparators.difference import Kind
from replay.comparators.raw_bytes import BytesComparator

MEBIBYTE = b"\0" * (1 << 20)


@pytest.mark.parametrize(
    ("a", "b", "detail"),
    [
        (b"abc", b"abd", "3 → 3 bytes, the first difference is at offset 2"),
        (b"abc", b"ab", "3 → 2 bytes, the first difference is at offset 2"),
        (b"", b"x", "0 → 1 bytes, the first difference is at offset 0"),
        (MEBIBYTE + b"a", MEBIBYTE + b"b", "1048577 → 1048577 bytes, the first difference is at offset 1048576"),
        (MEBIBYTE, MEBIBYTE + b"b", "1048576 → 1048577 bytes, the first difference is at offset 1048576"),
    ],
)
def test_the_first_byte_that_differs(tmp_path: Path, a: bytes, b: bytes, detail: str) -> None:
    (tmp_path / "a").write_bytes(a)
    (tmp_path / "b").write_bytes(b)
    (found,) = BytesComparator().compare(tmp_path / "a", tmp_path / "b")
    assert (found.kind, found.detail) == (Kind.BYTES, detail)
    assert found.measures["size_original"] == str(len(a))


def test_equal_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(MEBIBYTE * 2)
    assert BytesComparator().compare(tmp_path / "a", tmp_path / "a") == ()
