# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import gzip
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from replay.comparators.base import ComparisonError
from replay.comparators.difference import Difference, Kind
from replay.comparators.fits import FitsComparator
from replay.comparators.policy import NEW_RUN, Policy, Verdict

Tamper = Callable[[fits.HDUList], Any]


def exposure() -> fits.HDUList:
    """Make what a pipeline makes: image, mask, variance, compressed plane, catalogue."""
    random = np.random.default_rng(3)
    image = fits.ImageHDU(random.normal(size=(32, 32)).astype("f4"), name="IMAGE")
    image.header["BUNIT"] = "nJy"
    image.header["EXPTIME"] = 30.0
    image.data[5, 5] = 0.0
    mask = fits.ImageHDU(np.zeros((32, 32), "i4"), name="MASK")
    raw = fits.ImageHDU(np.arange(64, dtype="u2").reshape(8, 8), name="RAW")
    packed = fits.CompImageHDU(
        random.normal(size=(64, 64)).astype("f4"), name="VARIANCE", quantize_method=1, dither_seed=42
    )
    table = fits.BinTableHDU.from_columns(
        [
            fits.Column("id", "K", array=np.arange(6)),
            fits.Column("flux", "D", unit="nJy", array=random.normal(size=6)),
            fits.Column("flag", "L", array=np.arange(6) > 2),
            fits.Column("name", "8A", array=["a", "b", "c", "d", "e", "f"]),
            fits.Column("counts", "I", bzero=32768, array=np.arange(6, dtype="u2")),
            fits.Column("shape", "4E", dim="(2,2)", array=np.zeros((6, 2, 2), "f4")),
        ],
        name="CAT",
    )
    primary = fits.PrimaryHDU()
    primary.header["DATE"] = "2026-01-01T00:00:00"
    primary.header["HIERARCH LSST BUTLER RUN"] = "u/me/run1"
    primary.header["HIERARCH LSST BUTLER ID"] = "0190-a"
    primary.header["HIERARCH LSST BUTLER QUANTUM"] = "0190-q"
    primary.header["HIERARCH LSST BUTLER N_INPUTS"] = 1
    primary.header["HIERARCH LSST BUTLER INPUT 0 ID"] = "0190-i"
    primary.header["HISTORY"] = "made by a test"
    primary.header["HISTORY"] = "and by nobody else"
    return fits.HDUList([primary, image, mask, packed, raw, table])


@pytest.fixture
def pair(tmp_path: Path) -> Callable[[Tamper], tuple[Path, Path]]:
    """Give a function that writes an exposure, and again after tampering with it."""

    def write(tamper: Tamper) -> tuple[Path, Path]:
        original, remade = tmp_path / "original.fits", tmp_path / "remade.fits"
        exposure().writeto(original, checksum=True, overwrite=True)
        hdus = exposure()
        tamper(hdus)
        hdus.writeto(remade, checksum=True, overwrite=True)
        return original, remade

    return write


def set_pixel(name: str, value: Any) -> Tamper:
    def tamper(hdus: fits.HDUList) -> None:
        hdus[name].data[5, 5] = value

    return tamper


def set_card(hdu: str | int, keyword: str, value: Any) -> Tamper:
    return lambda hdus: hdus[hdu].header.set(keyword, value)


def replace_column(position: int, **changes: Any) -> Tamper:
    def tamper(hdus: fits.HDUList) -> None:
        columns = list(hdus["CAT"].columns)
        old = columns[position]
        given: dict[str, Any] = {"name": old.name, "format": old.format, "unit": old.unit, "array": old.array}
        columns[position] = fits.Column(**(given | changes))
        hdus["CAT"] = fits.BinTableHDU.from_columns(columns, name="CAT")

    return tamper


def swap(hdus: fits.HDUList) -> None:
    hdus[1], hdus[2] = hdus[2].copy(), hdus[1].copy()


def reorder_rows(hdus: fits.HDUList) -> None:
    hdus["CAT"].data = hdus["CAT"].data[[0, 2, 1, 3, 4, 5]]


def drop_column(hdus: fits.HDUList) -> None:
    columns = [column for column in hdus["CAT"].columns if column.name != "flux"]
    hdus["CAT"] = fits.BinTableHDU.from_columns(columns, name="CAT")


def widen(hdus: fits.HDUList) -> None:
    hdus["IMAGE"].data = hdus["IMAGE"].data.astype("f8")


def nudge(hdus: fits.HDUList) -> None:
    hdus["IMAGE"].data[7, 8] = np.nextafter(hdus["IMAGE"].data[7, 8], np.float32(9))


def set_cell(column: str, row: int, value: Any) -> Tamper:
    return lambda hdus: hdus["CAT"].data[column].__setitem__(row, value)


TAMPERS = {
    "one ULP": (nudge, "HDU IMAGE / pixels: 1 of 1024 pixels differ, max |Δ| "),
    "NaN": (set_pixel("IMAGE", np.nan), "HDU IMAGE / pixels: 1 of 1024 pixels are NaN on one side only, first at (5,"),
    "infinity": (set_pixel("IMAGE", np.inf), "HDU IMAGE / pixels: 1 of 1024 pixels are infinite"),
    "sign of zero": (set_pixel("IMAGE", -0.0), "1 of them only in the sign of zero, first at (5, 5): 0.0 → -0.0"),
    "mask bit": (set_pixel("MASK", 4), "HDU MASK / pixels: 1 of 1024 pixels differ, max |Δ| 4, bits 0x4, first at (5,"),
    "scaled pixel": (set_pixel("RAW", 9), "HDU RAW / pixels: 1 of 64 pixels differ, max |Δ| 36, bits 0x24"),
    "compressed pixel": (set_pixel("VARIANCE", 9.0), "HDU VARIANCE / pixels: "),
    "wider type": (widen, "HDU IMAGE / pixels: float32 → float64, pixels equal"),
    "unit": (set_card("IMAGE", "BUNIT", "Jy"), "HDU IMAGE / card BUNIT: BUNIT 'nJy' → 'Jy'"),
    "no unit": (lambda h: h["IMAGE"].header.remove("BUNIT"), "HDU IMAGE / card BUNIT: BUNIT missing in the re-made"),
    "card": (set_card("IMAGE", "EXPTIME", 31.0), "HDU IMAGE / card EXPTIME: EXPTIME 30.0 → 31.0"),
    "type of a card": (set_card("IMAGE", "EXPTIME", 30), "HDU IMAGE / card EXPTIME: EXPTIME 30.0 → 30"),
    "card is gone": (lambda h: h["IMAGE"].header.remove("EXPTIME"), "card EXPTIME: EXPTIME missing"),
    "new card": (set_card("MASK", "NEW", True), "HDU MASK / card NEW: NEW only in the re-made file: T"),
    "RUN": (set_card(0, "LSST BUTLER RUN", "other"), "HDU PRIMARY / card LSST BUTLER RUN: LSST BUTLER RUN 'u/me/run1'"),
    "history": (lambda h: h[0].header.add_history("a lie"), "card HISTORY: HISTORY line 3 of 2: (no line) → a lie"),
    "swapped HDUs": (swap, "HDUs: HDUs in another order: IMAGE, MASK → MASK, IMAGE"),
    "missing HDU": (lambda h: h.pop(2), "HDU MASK: HDU MASK is missing in the re-made file"),
    "extra HDU": (lambda h: h.append(fits.ImageHDU(name="PSF")), "HDU PSF: HDU PSF is only in the re-made file"),
    "missing column": (drop_column, "HDU CAT / column flux: column flux is missing in the re-made file"),
    "column unit": (replace_column(1, unit="Jy"), "HDU CAT / card TUNIT of column flux: TUNIT 'nJy' → 'Jy'"),
    "column type": (replace_column(1, format="E"), "HDU CAT / column flux: float64 → float32, and 6 of 6 values"),
    "cell": (set_cell("id", 3, 99), "HDU CAT / column id: 1 of 6 values differ, max |Δ| 96, bits 0x60, first at row 3"),
    "flag": (set_cell("flag", 0, True), "HDU CAT / column flag: 1 of 6 values differ"),
    "text": (set_cell("name", 1, "B"), "HDU CAT / column name: 1 of 6 values differ, first at row 1: b'b' → b'B'"),
    "scaled cell": (set_cell("counts", 2, 7), "HDU CAT / column counts: 1 of 6 values differ, max |Δ| 5, bits 0x5"),
    "cell of an array": (set_cell("shape", (2, 1, 0), 1), "HDU CAT / column shape: 1 of 24 values differ, max |Δ| 1"),
    "row order": (reorder_rows, "HDU CAT / rows: the same 6 rows in another order: 2 have moved, the first is row 1"),
}  # fmt: skip


@pytest.mark.parametrize("case", TAMPERS)
def test_every_tamper_is_different_and_named(pair: Any, judge: Any, case: str) -> None:
    tamper, expected = TAMPERS[case]
    verdict, lines = judge(*pair(tamper))
    assert verdict is Verdict.DIFFERENT
    assert any(expected in line for line in lines), lines


@pytest.mark.parametrize("case", ["one ULP", "swapped HDUs", "missing HDU", "row order", "mask bit", "card", "unit"])
def test_nothing_else_is_reported(pair: Any, judge: Any, case: str) -> None:
    _, lines = judge(*pair(TAMPERS[case][0]))
    assert len(lines) == 1


def test_a_missing_column_does_not_drag_its_cards_along(pair: Any, judge: Any) -> None:
    _, lines = judge(*pair(drop_column))
    assert lines == ["HDU CAT / column flux: column flux is missing in the re-made file"]


def test_the_same_file_is_identical(pair: Any, judge: Any) -> None:
    original, _ = pair(lambda hdus: None)
    assert judge(original, original) == (Verdict.IDENTICAL, [])


def test_only_the_date_is_equal(pair: Any, judge: Any) -> None:
    assert judge(*pair(set_card(0, "DATE", "2027-01-01T00:00:00"))) == (Verdict.EQUAL, [])


def test_comparators_do_not_know_what_is_volatile(pair: Any) -> None:
    found = FitsComparator().compare(*pair(set_card(0, "DATE", "2027-01-01T00:00:00")))
    names = {leaf.difference.measures["name"] for one in found for leaf in one.leaves()}
    assert "DATE" in names
    assert {leaf.difference.kind for one in found for leaf in one.leaves()} == {Kind.CARD}


def new_run(hdus: fits.HDUList) -> None:
    for keyword in ("RUN", "ID", "QUANTUM", "INPUT 0 ID"):
        hdus[0].header[f"LSST BUTLER {keyword}"] = f"new {keyword}"


def test_new_provenance_is_equal_in_a_new_run_only(pair: Any, judge: Any) -> None:
    files = pair(new_run)
    assert judge(*files, NEW_RUN) == (Verdict.EQUAL, [])
    verdict, lines = judge(*files)
    assert (verdict, len(lines)) == (Verdict.DIFFERENT, 4)


def test_another_number_of_inputs_is_different_in_a_new_run_too(pair: Any, judge: Any) -> None:
    verdict, lines = judge(*pair(set_card(0, "LSST BUTLER N_INPUTS", 2)), NEW_RUN)
    assert verdict is Verdict.DIFFERENT
    assert "card LSST BUTLER N_INPUTS" in lines[0]


def test_where_a_card_stands_does_not_matter(pair: Any, judge: Any) -> None:
    def move(hdus: fits.HDUList) -> None:
        value = hdus["IMAGE"].header.pop("BUNIT")
        hdus["IMAGE"].header["BUNIT"] = value

    assert judge(*pair(move)) == (Verdict.EQUAL, [])


def test_a_tolerance_covers_floats_and_nothing_else(pair: Any, judge: Any) -> None:
    loose = Policy(rtol="0.5", atol="0.5")
    assert judge(*pair(nudge), loose) == (Verdict.EQUIVALENT, [])
    for case in ("NaN", "infinity", "mask bit", "wider type", "row order", "unit"):
        assert judge(*pair(TAMPERS[case][0]), loose)[0] is Verdict.DIFFERENT, case


def test_a_floating_card_may_be_tolerated(pair: Any, judge: Any) -> None:
    assert judge(*pair(set_card("IMAGE", "EXPTIME", 30.0001)), Policy(rtol="1e-5")) == (Verdict.EQUIVALENT, [])


def test_the_seed_of_a_dither_is_named_and_its_pixels_count(tmp_path: Path, judge: Any) -> None:
    def write(name: str, seed: int, dtype: str) -> Path:
        data = np.random.default_rng(1).normal(size=(64, 64), scale=100).astype(dtype)
        options = {"quantize_method": 1, "dither_seed": seed} if dtype == "f4" else {}
        fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(data, name="I", **options)]).writeto(tmp_path / name)
        return tmp_path / name

    files = write("a.fits", 1, "f4"), write("b.fits", 2, "f4")
    verdict, lines = judge(*files)
    assert verdict is Verdict.DIFFERENT
    assert ["pixels" in line for line in lines] == [True]
    found = FitsComparator().compare(*files)
    assert "ZDITHER0" in [leaf.difference.measures.get("name") for one in found for leaf in one.leaves()]


def test_hdus_pair_by_extver_and_repeated_names(tmp_path: Path, judge: Any) -> None:
    def write(name: str, values: list[int]) -> Path:
        hdus = [fits.ImageHDU(np.full(3, v, "i2")) for v in values]
        hdus[0].name = hdus[1].name = "SCI"
        hdus[1].ver = 2
        fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(tmp_path / name)
        return tmp_path / name

    _, lines = judge(write("a.fits", [1, 2, 3, 4]), write("b.fits", [1, 9, 3, 8]))
    assert [line.split(" / ")[0] for line in lines] == ["HDU SCI,2", "HDU (unnamed)#2"]


def test_image_becomes_table(tmp_path: Path, judge: Any) -> None:
    a, b = tmp_path / "a.fits", tmp_path / "b.fits"
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(np.zeros(3), name="X")]).writeto(a)
    table = fits.BinTableHDU.from_columns([fits.Column("x", "E", array=[1.0])], name="X")
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(b)
    verdict, lines = judge(a, b)
    assert (verdict, lines) == (Verdict.DIFFERENT, ["HDU X / data: image → table"])


def test_compressed_by_gzip(tmp_path: Path, pair: Any, judge: Any) -> None:
    original, remade = pair(nudge)
    zipped = tmp_path / "remade.fits.gz"
    zipped.write_bytes(gzip.compress(remade.read_bytes()))
    _, lines = judge(original, zipped)
    assert lines[0].startswith("HDU IMAGE / pixels: 1 of 1024 pixels differ")


def damaged(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("keep", [0, 100, 2880, 3380, 9000, 20000, -2880, -100])
def test_a_truncated_file_is_an_error_or_lacks_whole_hdus(tmp_path: Path, pair: Any, keep: int) -> None:
    original, remade = pair(nudge)
    cut = damaged(tmp_path / "cut.fits", remade.read_bytes()[:keep])
    found: tuple[Difference, ...] | None = None
    with suppress(ComparisonError):
        found = FitsComparator().compare(original, cut)
    # Only a cut between two HDUs leaves a valid file.
    assert found is None or any(one.kind is Kind.MISSING for one in found)


@pytest.mark.parametrize("keep", [100, 3380, 9000])
def test_a_cut_inside_a_header_or_data_blames_the_right_file(tmp_path: Path, pair: Any, keep: int) -> None:
    original, remade = pair(nudge)
    cut = damaged(tmp_path / "cut.fits", remade.read_bytes()[:keep])
    for files in ((cut, original), (original, cut)):
        with pytest.raises(ComparisonError) as caught:
            FitsComparator().compare(*files)
        assert caught.value.path == cut
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"not FITS at all", b"SIMPLE  =", b"\0" * 5760])
def test_not_fits(tmp_path: Path, pair: Any, content: bytes) -> None:
    original, _ = pair(nudge)
    with pytest.raises(ComparisonError) as caught:
        FitsComparator().compare(damaged(tmp_path / "bad.fits", content), original)
    assert caught.value.path.name == "bad.fits"


def test_bytes_after_the_last_hdu_are_an_error(tmp_path: Path, pair: Any) -> None:
    original, _ = pair(nudge)
    longer = damaged(tmp_path / "longer.fits", original.read_bytes() + b"x" * 2880)
    with pytest.raises(ComparisonError):
        FitsComparator().compare(original, longer)
