# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from replay.comparators.base import ComparisonError
from replay.comparators.fits import FitsComparator
from replay.comparators.fits_limits import check_headers


@pytest.fixture
def good(tmp_path: Path) -> Path:
    """Give a file with an image, a table and a compressed image."""
    path = tmp_path / "good.fits"
    table = fits.BinTableHDU.from_columns([fits.Column("x", "E", array=[1.0])])
    packed = fits.CompImageHDU(np.arange(64, dtype="i4").reshape(8, 8))
    fits.HDUList([fits.PrimaryHDU(np.zeros((50, 50))), table, packed]).writeto(path)
    return path


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("keyword", ["NAXIS", "TFIELDS", "ZNAXIS"])
def test_more_than_fits_has_is_refused_at_once(good: Path, tmp_path: Path, keyword: str, packed: bool) -> None:
    content = good.read_bytes()
    start = content.index(f"{keyword:8}= ".encode())
    bad = tmp_path / ("bad.fits.gz" if packed else "bad.fits")
    content = content[: start + 10] + b"           999999999" + content[start + 30 :]
    bad.write_bytes(gzip.compress(content) if packed else content)
    for pair in ((good, bad), (bad, good)):
        with pytest.raises(ComparisonError) as caught:
            FitsComparator().compare(*pair)
        assert caught.value.path == bad
        assert caught.value.reason == f"{keyword} is 999999999, and FITS has no more than 999"


def test_what_a_file_of_groups_has_before_each(tmp_path: Path) -> None:
    path = tmp_path / "groups.fits"
    data = fits.GroupData(np.zeros((2, 3), "f4"), bitpix=-32, parnames=["a"], pardata=[np.zeros(2)])
    fits.GroupsHDU(data).writeto(path)
    check_headers(path)
    content = path.read_bytes()
    start = content.index(b"PCOUNT  = ")
    path.write_bytes(content[: start + 10] + b"              100000" + content[start + 30 :])
    with pytest.raises(ComparisonError, match="PCOUNT is 100000"):
        check_headers(path)


def test_what_else_is_wrong_is_the_readers_to_say(good: Path, tmp_path: Path) -> None:
    check_headers(good)
    bad = tmp_path / "bad.fits"
    for content in (b"", b"SIMPLE", b"x" * 5760, good.read_bytes()[:3000], b"\x1f\x8bx"):
        bad.write_bytes(content)
        check_headers(bad)
