# SPDX-License-Identifier: Apache-2.0
"""Stamps are cut where the difference is largest, and what can't be cut is told in a line."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from replay.campaign.report.stamps import cut
from replay.comparators.base import ComparisonError
from replay.comparators.files import compare_files

RNG = np.random.default_rng(3)
SKY = RNG.normal(100, 5, (200, 150)).astype(np.float32)


def pair(folder: Path, a: Any, b: Any, kind: type = fits.ImageHDU, **options: Any) -> tuple[Path, Path]:
    """Write two files with an image in HDU SCI."""
    paths = folder / "a.fits", folder / "b.fits"
    for path, data in zip(paths, (a, b), strict=True):
        hdu = kind(data, name="SCI", **options)
        hdu.header["BUNIT"] = "nJy"
        fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(path, overwrite=True)
    return paths


def changed(image: Any, *places: tuple[int, ...], to: Any = None) -> Any:
    """Return an image with other values at some places, the last the most."""
    other = image.copy()
    for number, place in enumerate(places, 1):
        other[place] = other[place] + 10 * number if to is None else to
    return other


@pytest.mark.parametrize("place", [(100, 75), (0, 0), (199, 149), (3, 149), (199, 0)])
def test_the_largest_difference_is_in_the_stamp(tmp_path: Path, place: tuple[int, int]) -> None:
    other = changed(SKY, (50, 50), place)
    found = cut(*pair(tmp_path, SKY, other), "SCI")
    assert found.place == place
    assert found.original.shape == found.remade.shape == (49, 49)
    assert found.original[found.row, found.column] == SKY[place]
    assert found.remade[found.row, found.column] == other[place]
    assert np.unravel_index(np.abs(found.difference).argmax(), (49, 49)) == (found.row, found.column)
    assert (found.before, found.after, found.unit) == (str(SKY[place]), str(other[place]), "nJy")


def test_places_are_told_as_comparisons_tell_them(tmp_path: Path) -> None:
    paths = pair(tmp_path, SKY, changed(SKY, (120, 33)))
    told = str(compare_files(*paths).judgement.significant[0])
    assert f"first at {cut(*paths, 'SCI').place}" in told


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_no_number_differs_more_than_any(tmp_path: Path, value: float) -> None:
    other = changed(changed(SKY, (10, 10)), (40, 60), to=value)
    found = cut(*pair(tmp_path, SKY, other), "SCI")
    assert found.place == (40, 60)
    assert not np.isfinite(found.difference[found.row, found.column])
    back = cut(*pair(tmp_path, other, SKY), "SCI")
    assert back.place == (40, 60)


def test_nan_in_both_is_no_difference(tmp_path: Path) -> None:
    holed = changed(SKY, (5, 5), to=np.nan)
    assert cut(*pair(tmp_path, holed, changed(holed, (30, 30))), "SCI").place == (30, 30)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int64, np.float64, ">f4"])
def test_all_types_of_pixels(tmp_path: Path, dtype: str) -> None:
    image = np.arange(60 * 60).reshape(60, 60).astype(dtype) % 200
    other = image.copy()
    other[30, 20] = 0 if image[30, 20] else 1
    found = cut(*pair(tmp_path, image, other), "SCI")
    assert found.place == (30, 20)
    assert found.difference[found.row, found.column] == float(other[30, 20]) - float(image[30, 20])


def test_compressed_images(tmp_path: Path) -> None:
    image = np.rint(SKY).astype(np.int16)
    found = cut(*pair(tmp_path, image, changed(image, (77, 11)), kind=fits.CompImageHDU), "SCI")
    assert found.place == (77, 11)


@pytest.mark.parametrize(
    ("shape", "place"), [((400,), (300,)), ((3, 60, 70), (2, 50, 1)), ((2, 2, 5, 5), (1, 0, 4, 4))]
)
def test_images_of_other_than_two_axes(tmp_path: Path, shape: tuple[int, ...], place: tuple[int, ...]) -> None:
    image = np.zeros(shape, dtype=np.float32)
    found = cut(*pair(tmp_path, image, changed(image, place)), "SCI")
    assert found.place == place
    assert found.original.ndim == 2
    assert found.remade[found.row, found.column] == 10


def test_of_images_of_one_name_the_right_one(tmp_path: Path) -> None:
    paths = tmp_path / "a.fits", tmp_path / "b.fits"
    for path, data in zip(paths, (SKY, changed(SKY, (9, 9))), strict=True):
        hdus = [fits.PrimaryHDU(), fits.ImageHDU(SKY, name="SCI"), fits.ImageHDU(data, name="SCI", ver=2)]
        fits.HDUList(hdus).writeto(path)
    (leaf,) = compare_files(*paths).judgement.significant
    assert leaf.path[0] == "HDU SCI,2"
    assert cut(*paths, "SCI,2").place == (9, 9)
    with pytest.raises(ComparisonError, match="no pixel of HDU SCI has another value"):
        cut(*paths, "SCI")


def refusal(a: Path, b: Path, hdu: str = "SCI") -> str:
    """Return why no stamp can be cut."""
    with pytest.raises(ComparisonError) as caught:
        cut(a, b, hdu)
    assert "\n" not in str(caught.value)
    return str(caught.value)


class TestWhatCannotBeCut:
    """Whatever a path leads to."""

    def test_other_shapes(self, tmp_path: Path) -> None:
        assert "HDU SCI has shape (4, 4) instead of (200, 150)" in refusal(*pair(tmp_path, SKY, SKY[:4, :4]))

    def test_only_the_sign_of_zero(self, tmp_path: Path) -> None:
        zero = np.zeros((5, 5), dtype=np.float32)
        assert "no pixel of HDU SCI has another value" in refusal(*pair(tmp_path, zero, -zero))

    def test_an_original_that_is_gone(self, tmp_path: Path) -> None:
        a, b = pair(tmp_path, SKY, SKY + 1)
        a.unlink()
        assert refusal(a, b) == f"{a}: it is gone"

    @pytest.mark.parametrize("keep", [0, 100, 2880, 9000])
    def test_one_that_is_damaged(self, tmp_path: Path, keep: int) -> None:
        a, b = pair(tmp_path, SKY, SKY + 1)
        a.write_bytes(a.read_bytes()[:keep])
        assert refusal(a, b).startswith(f"{a}: ")

    def test_one_that_is_no_fits(self, tmp_path: Path) -> None:
        a, b = pair(tmp_path, SKY, SKY + 1)
        a.write_bytes(b"root:x:0:0\n" * 1000)
        assert refusal(a, b).startswith(f"{a}: ")
        assert "x:0:0" not in refusal(a, b)

    def test_a_pipe_is_not_waited_for(self, tmp_path: Path) -> None:
        _, b = pair(tmp_path, SKY, SKY + 1)
        os.mkfifo(tmp_path / "pipe")
        assert refusal(tmp_path / "pipe", b) == f"{tmp_path}/pipe: it is no file"
        assert refusal(tmp_path, b) == f"{tmp_path}: it is no file"
        assert refusal(Path("/dev/zero"), b) == "/dev/zero: it is no file"

    def test_a_table_and_no_such_hdu(self, tmp_path: Path) -> None:
        table = np.zeros(3, dtype=[("a", "f4")])
        a, b = pair(tmp_path, table, table, kind=fits.BinTableHDU)
        assert "no image in HDU SCI" in refusal(a, b)
        assert "no image in HDU ELSE" in refusal(a, b, "ELSE")
        assert "no image in HDU PRIMARY" in refusal(a, b, "PRIMARY")

    def test_a_header_that_claims_a_terabyte(self, tmp_path: Path) -> None:
        a, b = pair(tmp_path, SKY, SKY + 1)
        data = a.read_bytes()
        for name, size in ((b"NAXIS1", 150), (b"NAXIS2", 200)):
            card = re.search(rb"%b  =\s+%d " % (name, size), data)
            assert card
            grown = b"%-8b= %20d " % (name, 500_000)
            data = data[: card.start()] + grown + data[card.start() + len(grown) :]
        a.write_bytes(data)
        assert "250000000000 pixels, too many to draw" in refusal(a, b)
