# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from replay.comparators.base import ComparisonError
from replay.comparators.files import compare_files
from replay.comparators.fits import FitsComparator
from replay.comparators.fits_compressed import Quantisation
from replay.comparators.policy import Policy, Verdict

PIXELS = np.random.default_rng(1).normal(size=(64, 64), scale=100).astype("f4")


def write(path: Path, data: Any, **options: Any) -> Path:
    hdu = fits.CompImageHDU(data, name="I", **options)
    hdu.header["BUNIT"] = "nJy"
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(path)
    return path


def test_another_dither_is_told_in_steps_and_tolerated_by_them(tmp_path: Path) -> None:
    files = [write(tmp_path / f"{seed}.fits", PIXELS, quantize_method=1, dither_seed=seed) for seed in (1, 2)]
    found = compare_files(*files)
    (leaf,) = found.judgement.significant
    step = float(leaf.difference.measures["quantisation_step"])
    largest = float(leaf.difference.measures["max_abs"])
    assert leaf.path == ("HDU I", "pixels")
    assert leaf.difference.measures["quantisation"] == "SUBTRACTIVE_DITHER_1"
    assert leaf.difference.measures["unit"] == "nJy"
    assert "quantised (SUBTRACTIVE_DITHER_1) in steps of up to" in leaf.difference.detail
    assert 0 < largest <= step
    assert [one.path[-1] for one in found.judgement.volatile] == ["card ZDITHER0"]
    assert compare_files(*files, Policy(atol=repr(step))).verdict is Verdict.EQUIVALENT
    assert compare_files(*files, Policy(atol=repr(largest / 2))).verdict is Verdict.DIFFERENT


def test_the_steps_are_those_of_the_file(tmp_path: Path) -> None:
    path = write(tmp_path / "a.fits", PIXELS, quantize_method=-1, quantize_level=4)
    with fits.open(path, disable_image_compression=True) as hdus:
        quantisation = Quantisation.of(hdus[1])
    assert quantisation is not None
    with fits.open(path) as hdus:
        error = np.abs(hdus[1].data - PIXELS).max()
    assert quantisation.method == "NO_DITHER"
    assert quantisation.step / 3 < error <= quantisation.step / 2 * 1.001


def test_one_that_was_not_quantised_and_one_that_was(tmp_path: Path) -> None:
    lossless = write(tmp_path / "a.fits", PIXELS, compression_type="GZIP_2", quantize_level=0)
    found = compare_files(lossless, write(tmp_path / "b.fits", PIXELS, quantize_method=1, dither_seed=1))
    (leaf,) = found.leaves(where="pixels")
    assert leaf.difference.measures["quantisation"] == "not quantised → SUBTRACTIVE_DITHER_1"


def test_what_lost_nothing_says_nothing(tmp_path: Path) -> None:
    changed = PIXELS.copy()
    changed[3, 3] += 1
    pair = ((PIXELS, changed), (PIXELS.astype("i4"), changed.astype("i4")))
    for i, images in enumerate(pair):
        options = {"compression_type": "GZIP_2", "quantize_level": 0} if i == 0 else {}
        files = [write(tmp_path / f"{i}{j}.fits", image, **options) for j, image in enumerate(images)]
        (leaf,) = compare_files(*files).judgement.significant
        assert "quantised" not in leaf.difference.detail
        assert leaf.difference.measures["count"] == 1


def test_how_integers_are_compressed_is_a_card_and_no_pixel(tmp_path: Path) -> None:
    integers = PIXELS.astype("i4")
    files = [write(tmp_path / f"{name}.fits", integers, compression_type=name) for name in ("RICE_1", "GZIP_1")]
    found = compare_files(*files)
    assert [leaf.path[-1] for leaf in found.judgement.significant] == ["card ZCMPTYPE"]


def test_an_image_that_would_unpack_to_far_more_is_refused(tmp_path: Path) -> None:
    good = write(tmp_path / "a.fits", PIXELS, quantize_method=1, dither_seed=1)
    bomb = tmp_path / "b.fits"
    content = good.read_bytes()
    for axis in (b"ZNAXIS1 =", b"ZNAXIS2 ="):
        at = content.index(axis)
        content = content[: at + 10] + b"              999999" + content[at + 30 :]
    bomb.write_bytes(content)
    with pytest.raises(ComparisonError, match="would unpack to 3999992000004 bytes from a file of"):
        FitsComparator().compare(good, bomb)
