# SPDX-License-Identifier: Apache-2.0
"""FITS header cards by keyword, wherever they stand in the header."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from astropy.io import fits

from .difference import Difference, Kind, changed, transition, unique_names
from .tolerance import measure_numbers

__all__ = ("Cards", "compare_cards", "read_cards")

# These describe how the data are laid out; what differs there is reported with the data.
_LAYOUT = re.compile(r"SIMPLE|XTENSION|BITPIX|NAXIS\d*|PCOUNT|GCOUNT|EXTEND|TFIELDS|THEAP|(TTYPE|TFORM|TDIM|TBCOL)\d+")
_OF_COLUMN = re.compile(r"(TUNIT|TNULL|TSCAL|TZERO|TDISP|TDMIN|TDMAX|TLMIN|TLMAX)(\d+)")
_UNIT = re.compile(r"BUNIT|CUNIT\d+[A-Z]?|TUNIT")
_COMMENTARY = {"COMMENT", "HISTORY", ""}
# Cards of the table that holds a compressed image: they tell why its pixels may differ.
_OF_COMPRESSION = ("ZCMPTYPE", "ZQUANTIZ", "ZDITHER0")


class _Card(NamedTuple):
    keyword: str
    value: Any
    comment: str
    column: str | None


class Cards(NamedTuple):
    """What a header says, apart from the layout of the data."""

    named: dict[str, _Card]
    """By a label that is unique in the header: ``EXPTIME``, ``EXPTIME#2``, ``TUNIT of column flux``."""
    commentary: dict[str, list[str]]
    """The lines of COMMENT, HISTORY and cards without keyword, in order, empty ones left out."""
    columns: frozenset[str]


def read_cards(header: fits.Header, stored: fits.Header) -> Cards:
    """Read the cards of an HDU.

    Parameters
    ----------
    header : `astropy.io.fits.Header`
        The header, as it is before the data are touched: scaling on access removes cards.
    stored : `astropy.io.fits.Header`
        The header as stored, where ``header`` describes a compressed image; else the same one.

    Returns
    -------
    cards : `Cards`
        Cards that cannot be parsed have their whole text as value.
    """
    columns = {card.keyword[5:]: str(card.value) for card in header["TTYPE*"].cards}
    commentary: dict[str, list[str]] = {keyword: [] for keyword in _COMMENTARY}
    named: list[tuple[str, _Card]] = []
    extra = [card for card in stored.cards if card.keyword in _OF_COMPRESSION and stored is not header]
    for card in (*header.cards, *extra):
        keyword, value, comment = _parse(card)
        match = _OF_COLUMN.fullmatch(keyword)
        if keyword in _COMMENTARY:
            commentary[keyword] += [str(value)] if str(value).strip() else []
        elif match and match[2] in columns:
            column = columns[match[2]]
            named.append((f"{match[1]} of column {column}", _Card(match[1], value, comment, column)))
        elif not _LAYOUT.fullmatch(keyword):
            named.append((keyword, _Card(keyword, value, comment, None)))
    labels = unique_names(label for label, _ in named)
    by_label = {label: card for label, (_, card) in zip(labels, named, strict=True)}
    return Cards(by_label, commentary, frozenset(columns.values()))


def compare_cards(original: Cards, remade: Cards) -> tuple[Difference, ...]:
    """Measure how two headers differ; cards of a column that only one table has are left to that column.

    Parameters
    ----------
    original, remade : `Cards`
        What the headers say.

    Returns
    -------
    differences : `tuple` [ `Difference`, ... ]
        `Kind.UNIT` for BUNIT, CUNITn and TUNITn, else `Kind.CARD`; comments have a difference of their own.
    """
    shared = original.columns & remade.columns
    found: list[Difference] = []
    for label in {**original.named, **remade.named}:
        pair = original.named.get(label), remade.named.get(label)
        column = next(card.column for card in pair if card)
        if column is None or column in shared:
            found += _compare_card(label, *pair)
    for keyword in sorted(_COMMENTARY):
        found += _compare_commentary(keyword, original.commentary[keyword], remade.commentary[keyword])
    return tuple(found)


def _compare_card(label: str, a: _Card | None, b: _Card | None) -> Iterator[Difference]:
    name = next(card.keyword for card in (a, b) if card)
    kind = Kind.UNIT if _UNIT.fullmatch(name) else Kind.CARD
    before, after = (card and _render(card.value) for card in (a, b))
    if before != after:
        figures = None
        if a and b and isinstance(a.value, float) and isinstance(b.value, float):
            figures = measure_numbers(a.value, b.value)
        yield changed(kind, f"card {label}", name, before, after, figures)
    if a and b and a.comment != b.comment:
        yield changed(Kind.CARD, f"comment of card {label}", name, a.comment, b.comment)


def _compare_commentary(keyword: str, a: list[str], b: list[str]) -> Iterator[Difference]:
    if a == b:
        return
    line = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
    before, after = (lines[line] if line < len(lines) else "(no line)" for lines in (a, b))
    label = keyword or "(no keyword)"
    detail = f"{label} line {line + 1} of {len(a)}: {transition(before, after)}"
    measures: dict[str, str | int] = {"name": keyword, "change": "value", "line": line + 1}
    yield Difference(f"card {label}", Kind.CARD, detail, measures)


def _parse(card: fits.Card) -> tuple[str, Any, str]:
    try:
        return card.keyword, card.value, card.comment
    except fits.VerifyError:
        return card.keyword, str(card.image).rstrip(), ""


def _render(value: Any) -> str:
    """Show a value so that values of different types never look the same: ``1``, ``1.0``, ``T``, ``'1'``."""
    if isinstance(value, bool):
        return "T" if value else "F"
    return "undefined" if isinstance(value, fits.card.Undefined) else repr(value)
