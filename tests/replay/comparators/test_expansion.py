# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from replay.comparators import expansion
from replay.comparators.base import ComparisonError
from replay.comparators.expansion import check_expansion
from replay.comparators.numpy_file import NpzComparator
from replay.comparators.parquet import ParquetComparator


def test_what_is_small_or_grows_little_may_be_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"x" * 2000)
    check_expansion(path, "it", 1 << 30)
    with pytest.raises(ComparisonError, match="it would unpack to 1073741825 bytes from a file of 2000: not read"):
        check_expansion(path, "it", (1 << 30) + 1)
    path.write_bytes(b"x" * 2_000_000)
    check_expansion(path, "it", 2_000_000 * 1100)
    with pytest.raises(ComparisonError):
        check_expansion(path, "it", 2_000_000 * 1100 + 1)


def test_rows_that_a_few_bytes_stand_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expansion, "_HARMLESS", 1 << 20)
    paths = tmp_path / "a.parquet", tmp_path / "b.parquet"
    for path, value in zip(paths, (0, 1), strict=True):
        pq.write_table(pa.table({"x": np.full(3_000_000, value)}), path, compression="zstd")
    with pytest.raises(ComparisonError, match="column x would unpack to 24000000 bytes"):
        ParquetComparator().compare(*paths)
    monkeypatch.undo()
    assert len(ParquetComparator().compare(*paths)) == 1


def test_an_archive_that_says_it_is_huge(tmp_path: Path) -> None:
    a, b = tmp_path / "a.npz", tmp_path / "b.npz"
    np.savez_compressed(a, x=np.zeros(3))
    np.savez_compressed(b, x=np.lib.stride_tricks.as_strided(np.zeros(1), (3,), (0,)))
    content = bytearray(b.read_bytes())
    header = content.rindex(b"PK\x01\x02")
    content[header + 24 : header + 28] = b"\xff\xff\xff\x7f"
    b.write_bytes(bytes(content))
    with pytest.raises(ComparisonError, match="array x would unpack to 2147483647 bytes"):
        NpzComparator().compare(a, b)
