# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from replay.comparators import expansion
from replay.comparators.base import ComparisonError
from replay.comparators.difference import Difference, Kind
from replay.comparators.fits_data import Loaded, compare_images, compare_tables

Compare = Callable[..., tuple[Difference, ...]]


@pytest.fixture
def compare(tmp_path: Path) -> Any:
    """Give a function that writes two HDUs and compares them as read back."""

    def run(a: Any, b: Any) -> tuple[Difference, ...]:
        paths = [tmp_path / "a.fits", tmp_path / "b.fits"]
        for path, hdu in zip(paths, (a, b), strict=True):
            fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(path, overwrite=True)
        with fits.open(paths[0], character_as_bytes=True) as x, fits.open(paths[1], character_as_bytes=True) as y:
            measure = compare_images if isinstance(a, fits.ImageHDU) else compare_tables
            return measure(Loaded(x[1], paths[0]), Loaded(y[1], paths[1]))

    return run


def table(*columns: fits.Column) -> fits.BinTableHDU:
    return fits.BinTableHDU.from_columns(list(columns))


def ragged(*cells: list[float], kind: str = "PE()") -> fits.Column:
    array = np.empty(len(cells), dtype=object)
    array[:] = [np.array(cell, "f8" if kind.endswith("D()") else "f4") for cell in cells]
    return fits.Column("v", kind, array=array)


def test_no_pixels(compare: Compare) -> None:
    assert compare(fits.ImageHDU(), fits.ImageHDU()) == ()
    (found,) = compare(fits.ImageHDU(), fits.ImageHDU(np.zeros((2, 3))))
    assert (found.kind, found.detail) == (Kind.SHAPE, "no pixels → shape (2, 3)")


def test_scaled_images_compare_by_their_value_and_how_they_are_stored(compare: Compare) -> None:
    def scaled(kind: str) -> fits.ImageHDU:
        hdu = fits.ImageHDU(np.arange(4, dtype=kind))
        hdu.header["BSCALE"] = 0.5
        return hdu

    (found,) = compare(scaled("u1"), scaled("i2"))
    assert (found.kind, found.detail) == (Kind.DTYPE, "stored with BITPIX 8 → 16")
    assert compare(scaled("i2"), scaled("i2")) == ()


def test_variable_length_arrays(compare: Compare) -> None:
    original = table(ragged([1, 2], [], [3]))
    assert compare(original, table(ragged([1, 2], [], [3]))) == ()
    assert compare(original, table(ragged([1, 2], [], [3], kind="QE()"))) == ()
    (found,) = compare(original, table(ragged([1, 2], [], [4])))
    assert found.detail == "1 of 3 items differ, max |Δ| 1, max 4194304 ULP, first at row 2 item 0: 3.0 → 4.0"
    (found,) = compare(original, table(ragged([1, 2], [3], [])))
    assert found.detail == "2 of 3 cells have another length, first at row 1: 0 → 1 items"
    (found,) = compare(original, table(ragged([1, 2], [], [3], kind="PD()")))
    assert found.detail == "float32 → float64, items equal"
    (found,) = compare(original, table(fits.Column("v", "E", array=[1, 2, 3])))
    assert (found.kind, found.detail) == (Kind.DTYPE, "variable length → float32")


def test_cells_that_all_claim_the_same_bytes_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.fits"
    fits.HDUList([fits.PrimaryHDU(), table(ragged([1.0] * 100, *[[]] * 99))]).writeto(path)
    content = path.read_bytes()
    start = 2 * 2880  # after the two headers: a pair of a number of items and an offset for each row
    assert content[start : start + 8] == (100).to_bytes(4, "big") + (0).to_bytes(4, "big")
    path.write_bytes(content[:start] + content[start : start + 8] * 100 + content[start + 800 :])
    monkeypatch.setattr(expansion, "_HARMLESS", 10_000)
    monkeypatch.setattr(expansion, "_MOST", 3)
    with fits.open(path) as hdus, pytest.raises(ComparisonError, match="column v would unpack to 40000 bytes"):
        compare_tables(Loaded(hdus[1], path), Loaded(hdus[1], path))


def test_empty_tables(compare: Compare) -> None:
    empty = fits.Column("x", "E", array=np.zeros(0, "f4"))
    assert compare(table(empty), table(empty)) == ()
    assert compare(table(ragged()), table(ragged())) == ()
    assert compare(fits.BinTableHDU(), fits.BinTableHDU()) == ()


def test_number_of_rows(compare: Compare) -> None:
    (found,) = compare(table(fits.Column("x", "E", array=[1, 2])), table(fits.Column("x", "E", array=[1, 2, 3])))
    assert (found.where, found.kind, found.detail) == ("rows", Kind.SHAPE, "2 → 3 rows")


def test_columns_may_change_order_but_that_is_told(compare: Compare) -> None:
    x, y = fits.Column("x", "E", array=[1.0]), fits.Column("y", "E", array=[2.0])
    (found,) = compare(table(x, y), table(y, x))
    assert (found.kind, found.detail) == (Kind.ORDER, "columns in another order: x, y → y, x")


def test_an_undefined_flag_is_not_false(compare: Compare, tmp_path: Path) -> None:
    hdu = table(fits.Column("flag", "L", array=[True, False]))
    compare(hdu, hdu)
    content = (tmp_path / "b.fits").read_bytes()
    start = content.rindex(b"TF")
    (tmp_path / "b.fits").write_bytes(content[: start + 1] + b"\0" + content[start + 2 :])
    with fits.open(tmp_path / "a.fits") as x, fits.open(tmp_path / "b.fits") as y:
        (found,) = compare_tables(Loaded(x[1], tmp_path), Loaded(y[1], tmp_path))
    assert found.detail.endswith("first at row 1: 70 → 0")


def test_bits_and_texts_with_trailing_blanks(compare: Compare) -> None:
    flags = np.zeros((2, 12), bool)
    (found,) = compare(
        table(fits.Column("b", "12X", array=flags)), table(fits.Column("b", "12X", array=flags | (np.arange(12) == 11)))
    )
    assert found.measures["count"] == 2


def test_trailing_blanks_of_texts_count(compare: Compare, tmp_path: Path) -> None:
    hdu = table(fits.Column("s", "8A", array=["trailing", "blank"]))
    compare(hdu, hdu)
    content = (tmp_path / "b.fits").read_bytes()
    (tmp_path / "b.fits").write_bytes(content.replace(b"blank\0", b"blank "))
    with fits.open(tmp_path / "a.fits") as x, fits.open(tmp_path / "b.fits") as y:
        (found,) = compare_tables(Loaded(x[1], tmp_path), Loaded(y[1], tmp_path))
    assert found.detail.endswith("b'blank' → b'blank '")


def test_scaled_columns_compare_by_their_value(tmp_path: Path) -> None:
    def scaled(name: str, stored: list[int]) -> Path:
        path = tmp_path / name
        fits.HDUList([fits.PrimaryHDU(), table(fits.Column("x", "I", array=stored))]).writeto(path)
        fits.setval(path, "TSCAL1", value=0.5, ext=1)
        return path

    paths = scaled("a.fits", [20, 21]), scaled("b.fits", [20, 22])
    with fits.open(paths[0]) as x, fits.open(paths[1]) as y:
        (found,) = compare_tables(Loaded(x[1], paths[0]), Loaded(y[1], paths[1]))
    assert "first at row 1: 10.5 → 11.0" in found.detail
    assert found.measures["frontier"] == "10.5:0.5"


def test_ascii_tables_compare_numbers(compare: Compare) -> None:
    def ascii_table(value: float, form: str) -> fits.TableHDU:
        return fits.TableHDU.from_columns([fits.Column("x", form, array=np.array([value]), ascii=True)])

    assert compare(ascii_table(1.5, "F10.4"), ascii_table(1.5, "F12.6")) == ()
    (found,) = compare(ascii_table(1.5, "F10.4"), ascii_table(1.75, "F10.4"))
    assert "1.5 → 1.75" in found.detail


def test_rows_that_are_not_the_same_are_not_an_order(compare: Compare) -> None:
    found = compare(table(fits.Column("x", "J", array=[1, 2, 3])), table(fits.Column("x", "J", array=[2, 1, 1])))
    assert [one.kind for one in found] == [Kind.VALUE]
