# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import pytest
from astropy.io import fits

from replay.comparators.difference import Difference, Kind
from replay.comparators.fits_header import compare_cards, read_cards


def header(*cards: Any) -> fits.Header:
    return fits.Header([fits.Card(*card) for card in cards])


def compare(a: fits.Header, b: fits.Header) -> list[Difference]:
    return list(compare_cards(read_cards(a, a), read_cards(b, b)))


@pytest.mark.parametrize(
    ("a", "b"), [(1, 1.0), (1, True), (1, "1"), (0.0, -0.0), ("", None), ("a", "b"), (1.0, 1 + 1e-15), (1j, 2j)]
)
def test_values_of_different_type_are_different(a: Any, b: Any) -> None:
    (found,) = compare(header(("X", a)), header(("X", b)))
    assert (found.kind, found.where, found.measures["name"]) == (Kind.CARD, "card X", "X")


def test_the_way_a_number_is_written_does_not_matter() -> None:
    a = fits.Header.fromstring("X       =                  1.0")
    assert compare(a, fits.Header.fromstring("X       =                1.00E0")) == []


def test_layout_is_left_to_the_data() -> None:
    a = header(("SIMPLE", True), ("BITPIX", 8), ("NAXIS", 1), ("NAXIS1", 4), ("PCOUNT", 0), ("TFORM1", "E"))
    assert compare(a, header(("SIMPLE", True), ("BITPIX", 16), ("NAXIS", 0), ("TFORM1", "D"))) == []


@pytest.mark.parametrize("keyword", ["BUNIT", "CUNIT1", "CUNIT2A"])
def test_units_are_units(keyword: str) -> None:
    (found,) = compare(header((keyword, "Jy")), header((keyword, "mJy")))
    assert found.kind is Kind.UNIT


def test_comments_are_differences_of_their_own() -> None:
    (found,) = compare(header(("EXPTIME", 1.0, "[s] open")), header(("EXPTIME", 1.0, "[s] shut")))
    assert (found.where, found.kind) == ("comment of card EXPTIME", Kind.CARD)


def test_repeated_keywords_pair_in_order() -> None:
    (found,) = compare(header(("X", 1), ("X", 2)), header(("X", 1), ("X", 3)))
    assert (found.where, found.detail) == ("card X#2", "X 2 → 3")


def test_commentary_counts_lines_and_ignores_empty_ones() -> None:
    a = header(("COMMENT", "one"), ("", ""), ("COMMENT", "two"))
    assert compare(a, header(("COMMENT", "one"), ("COMMENT", "two"))) == []
    (found,) = compare(a, header(("COMMENT", "one"), ("COMMENT", "2")))
    assert (found.detail, found.measures["line"]) == ("COMMENT line 2 of 2: two → 2", 2)


def test_hierarch_and_long_values() -> None:
    a = header(("HIERARCH LSST BUTLER DATAID visit", 5), ("LONG", "x" * 200))
    (found,) = compare(a, header(("HIERARCH LSST BUTLER DATAID visit", 6), ("LONG", "x" * 200)))
    assert found.measures["name"] == "LSST BUTLER DATAID visit"
    (found,) = compare(a, header(("HIERARCH LSST BUTLER DATAID visit", 5), ("LONG", "x" * 199 + "y")))
    assert found.detail.endswith("y'")


def test_cards_of_columns_follow_the_column() -> None:
    a = header(("TTYPE1", "x"), ("TTYPE2", "y"), ("TUNIT1", "m"), ("TUNIT2", "s"))
    assert compare(a, header(("TTYPE1", "y"), ("TTYPE2", "x"), ("TUNIT1", "s"), ("TUNIT2", "m"))) == []
    (found,) = compare(a, header(("TTYPE1", "y"), ("TTYPE2", "x"), ("TUNIT1", "s"), ("TUNIT2", "km")))
    assert (found.where, found.kind) == ("card TUNIT of column x", Kind.UNIT)


@pytest.mark.filterwarnings("ignore::astropy.io.fits.verify.VerifyWarning")
def test_a_card_that_cannot_be_parsed_is_compared_as_text() -> None:
    a, b = (fits.Header.fromstring(f"BAD     = {value}".ljust(80)) for value in "@?")
    (found,) = compare(a, b)
    assert found.measures["name"] == "BAD"
