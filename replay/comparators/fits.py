# SPDX-License-Identifier: Apache-2.0
"""FITS files: which HDUs there are, in which order, and what differs in each.

`astropy.io.fits.FITSDiff` pairs HDUs by position, so one inserted HDU makes all that follow differ; here they
pair by EXTNAME.
"""

from __future__ import annotations

import math
import warnings
from contextlib import ExitStack
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from astropy.io import fits

from .base import Comparator, reading
from .difference import Difference, Kind, grouped, pair_up
from .expansion import check_expansion
from .fits_compressed import Quantisation
from .fits_data import Loaded, compare_images, compare_tables
from .fits_header import Cards, compare_cards, read_cards
from .fits_limits import check_headers
from .fits_names import hdu_names
from .mask_planes import plane_names
from .matching import Matching

__all__ = ("FitsComparator",)

_FATAL_WARNINGS = ("File may have been truncated", "Error validating header")


class FitsComparator(Comparator):
    """Compares headers card by card, images pixel by pixel, tables column by column."""

    name: ClassVar[str] = "fits"
    description: ClassVar[str] = "FITS: HDUs by EXTNAME, cards by keyword, pixels, table columns by name"

    def _compare(self, original: Path, remade: Path) -> tuple[Difference, ...]:
        with ExitStack() as stack:
            stack.enter_context(warnings.catch_warnings())
            warnings.simplefilter("ignore")
            for message in _FATAL_WARNINGS:
                warnings.filterwarnings("error", message=message)
            left, right = _open(stack, original), _open(stack, remade)
            names, found = pair_up(left, right, "HDU", "HDUs")
            inside = (one for name in names for one in _compare_hdus(name, left[name], right[name], self.matching))
            return (*found, *inside)


class _Hdu(NamedTuple):
    """An HDU, its cards as they were before astropy scaled the data, and what its data need."""

    cards: Cards
    loaded: Loaded


def _open(stack: ExitStack, path: Path) -> dict[str, _Hdu]:
    """Open a file, its HDUs by name."""
    with reading(path):
        check_headers(path)
        hdus = stack.enter_context(fits.open(path, character_as_bytes=True))
        stored = hdus
        if any(isinstance(hdu, fits.CompImageHDU) for hdu in hdus):
            stored = stack.enter_context(fits.open(path, disable_image_compression=True))
        keys = hdu_names(hdus)
        known = [_describe(hdu, kept, path) for hdu, kept in zip(hdus, stored, strict=True)]
    return dict(zip(keys, known, strict=True))


def _describe(hdu: Any, stored: Any, path: Path) -> _Hdu:
    """Read the header of an HDU."""
    cards = read_cards(hdu.header, stored.header)
    planes = plane_names({card.keyword: card.value for card in cards.named.values()})
    if stored is hdu or not isinstance(hdu, fits.CompImageHDU):
        return _Hdu(cards, Loaded(hdu, path, planes))
    check_expansion(path, f"image {hdu.name or '(unnamed)'}", _size(hdu))
    return _Hdu(cards, Loaded(hdu, path, planes, Quantisation.of(stored)))


def _size(hdu: Any) -> int:
    """Return the size of an image's pixels in bytes."""
    return int(math.prod(hdu.shape)) * abs(int(hdu.header.get("BITPIX", 8))) // 8


def _compare_hdus(name: str, left: _Hdu, right: _Hdu, matching: Matching) -> tuple[Difference, ...]:
    found = compare_cards(left.cards, right.cards)
    before, after = _category(left.loaded.hdu), _category(right.loaded.hdu)
    if before != after:
        found += (Difference("data", Kind.TYPE, f"{before} → {after}"),)
    elif before == "table":
        found += compare_tables(left.loaded, right.loaded, name, matching)
    else:
        found += compare_images(left.loaded, right.loaded)
    return grouped(f"HDU {name}", found)


def _category(hdu: Any) -> str:
    if isinstance(hdu, fits.PrimaryHDU | fits.ImageHDU | fits.CompImageHDU):
        return "image"
    return "table" if isinstance(hdu, fits.BinTableHDU | fits.TableHDU) else type(hdu).__name__
