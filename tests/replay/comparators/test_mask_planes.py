# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from replay.comparators.difference import Difference, Kind
from replay.comparators.mask_planes import measure_integers, plane_names
from replay.comparators.policy import Verdict

RUBIN = {0: "BAD", 1: "SAT", 3: "NO_DATA"}


def measure(a: Any, b: Any, names: Any = RUBIN, others: Any = None) -> tuple[Difference, ...]:
    return measure_integers("pixels", np.asarray(a), np.asarray(b), (names, names if others is None else others))


def test_each_plane_that_differs_is_named_and_counted() -> None:
    a = np.zeros((4, 4), "u1")
    b = a.copy()
    a[0, 1] = a[3, 3] = 2
    b[2, 1] = 10
    (group,) = measure(a, b)
    sat, no_data = group.children
    assert group.detail == "2 differences"
    assert (sat.where, sat.kind) == ("plane SAT", Kind.VALUE)
    assert sat.detail == "3 of 16 pixels differ: 1 set, 2 cleared, first at (0, 1)"
    assert sat.measures == {"count": 3, "set": 1, "cleared": 2, "total": 16, "bit": 1, "first": "(0, 1)"}
    assert (no_data.where, no_data.measures["count"], no_data.measures["bit"]) == ("plane NO_DATA", 1, 3)


def test_a_bit_without_a_name_has_its_number() -> None:
    (group,) = measure([0], [0b100100])
    assert [one.where for one in group.children] == ["plane of bit 2", "plane of bit 5"]


def test_a_bit_that_was_renamed_has_both_names() -> None:
    (group,) = measure([0], [1], {0: "BAD"}, {0: "CR"})
    assert group.children[0].where == "plane BAD → CR"
    (group,) = measure([0], [1], {0: "BAD"}, {1: "CR"})
    assert group.children[0].where == "plane BAD"


def test_without_names_the_bits_are_counted() -> None:
    (found,) = measure(np.array([0, 1, 2], "i4"), np.array([8, 9, 3], "i4"), {})
    assert found.detail == "3 of 3 pixels differ, max |Δ| 8, bits 0x9, first at (0): 0 → 8"
    assert found.measures["bit_counts"] == "0:1 3:2"


@pytest.mark.parametrize("kind", ["i1", "u1", ">i2", "<u2", ">i4", "u4", ">i8", "<u8"])
@settings(deadline=None)
@given(data=st.data())
def test_every_flipped_bit_is_counted_once(kind: str, data: st.DataObject) -> None:
    a = data.draw(hnp.arrays(kind, hnp.array_shapes(max_dims=2, max_side=4)))
    assert measure(a, a.copy()) == ()
    flips = data.draw(hnp.arrays(np.dtype(f"u{a.dtype.itemsize}").newbyteorder(a.dtype.byteorder), a.shape))
    b = (a.view(flips.dtype) ^ flips).astype(flips.dtype).view(a.dtype)
    found = measure(a, b)
    counts = {one.measures["bit"]: one.measures["count"] for group in found for one in group.children}
    expected = {bit: int((flips >> flips.dtype.type(bit) & flips.dtype.type(1)).sum()) for bit in range(64)
                if bit < 8 * a.dtype.itemsize}  # fmt: skip
    assert counts == {bit: count for bit, count in expected.items() if count}


@pytest.mark.parametrize(
    ("cards", "names"),
    [
        ({"MP_BAD": 0, "MP_SAT": 1}, {0: "BAD", 1: "SAT"}),
        ({"MSKNAM00": "DETECTOR", "MSKVAL00": 1, "MSKNAM01": "SAT", "MSKVAL01": 32}, {0: "DETECTOR", 5: "SAT"}),
        ({"MSKNAM00": "LOW", "MSKVAL00": 3}, {}),
        ({"MSKNAM00": "LOW"}, {}),
        ({"MP_BAD": True, "MP_SAT": 64, "MP_CR": -1, "MP_EDGE": "1", "MP_NONE": 1.0}, {}),
        ({"MSKNAM00": 1, "MSKVAL00": 1}, {}),
        ({"MSKNAM00": "HUGE", "MSKVAL00": 2**70}, {}),
        ({}, {}),
    ],
)
def test_what_headers_say(cards: dict[str, Any], names: dict[int, str]) -> None:
    assert plane_names(cards) == names


def test_a_mask_in_a_file(tmp_path: Path, judge: Any) -> None:
    def write(name: str, value: int, bit: int = 1) -> Path:
        hdu = fits.ImageHDU(np.zeros((8, 8), "u1"), name="MASK")
        hdu.data[3, 4] = value
        for plane, number in (("BAD", 0), ("SATURATED", bit)):
            hdu.header[f"HIERARCH MP_{plane}"] = number
        fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(tmp_path / name)
        return tmp_path / name

    original = write("a.fits", 1)
    verdict, lines = judge(original, write("b.fits", 2))
    assert (verdict, lines) == (
        Verdict.DIFFERENT,
        [
            "HDU MASK / pixels / plane BAD: 1 of 64 pixels differ: 0 set, 1 cleared, first at (3, 4)",
            "HDU MASK / pixels / plane SATURATED: 1 of 64 pixels differ: 1 set, 0 cleared, first at (3, 4)",
        ],
    )
    verdict, lines = judge(original, write("c.fits", 1, bit=2))
    assert (verdict, len(lines)) == (Verdict.DIFFERENT, 1)
    assert "card MP_SATURATED" in lines[0]
