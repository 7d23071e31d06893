# SPDX-License-Identifier: Apache-2.0
"""Stamps: the pixels around the largest difference of two FITS images."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from astropy.io import fits

from ...comparators.base import ComparisonError, reading
from ...comparators.fits_names import hdu_names

__all__ = ("Stamp", "cut")

_HALF = 24
_MOST_PIXELS = 1 << 26
"""An image is read whole to find where it differs most: a gigabyte at most, while two of them are compared."""

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Stamp:
    """A part of two images.

    Attributes
    ----------
    original, remade : `numpy.ndarray`
        Pixels, (ny, nx), as they were read: decompressed and scaled.
    place : `tuple` of `int`
        Where the difference is largest in the whole image; index along each axis, as `compare_files` tells it.
    row, column : `int`
        The same in the stamp.
    before, after : `str`
        The values there.
    unit : `str`
        Of the pixels; empty if the header doesn't say.
    """

    original: Array
    remade: Array
    place: tuple[int, ...]
    row: int
    column: int
    before: str
    after: str
    unit: str

    @property
    def difference(self) -> npt.NDArray[np.float64]:
        """Re-run less original, (ny, nx); NaN where either is."""
        with np.errstate(all="ignore"):
            return self.remade.astype(np.float64) - self.original.astype(np.float64)


def cut(original: Path, remade: Path, hdu: str) -> Stamp:
    """Return the pixels around the largest difference of two images.

    Parameters
    ----------
    original, remade : `pathlib.Path`
        FITS files, or what is said to be some.
    hdu : `str`
        Name of the HDU, as `replay.comparators.fits_names.hdu_names` gives it.

    Raises
    ------
    ComparisonError
        If an image is gone, damaged, or too large, or if their pixels can't be held against each other.
    """
    (before, unit), (after, _) = _pixels(original, hdu), _pixels(remade, hdu)
    with reading(remade):
        if before.shape != after.shape:
            raise ComparisonError(remade, f"HDU {hdu} has shape {after.shape} instead of {before.shape}")
        place = _largest(before, after)
        if place is None:
            raise ComparisonError(remade, f"no pixel of HDU {hdu} has another value")
        # An image of one axis is one row; of more than two axes, the plane with the largest difference is shown.
        flat, again = (np.atleast_2d(array[place[:-2]]) for array in (before, after))
        row, column = (0, *place)[-2:]
        rows, columns = _around(row, flat.shape[0]), _around(column, flat.shape[1])
        return Stamp(
            original=flat[rows, columns],
            remade=again[rows, columns],
            place=place,
            row=row - rows.start,
            column=column - columns.start,
            before=str(before[place]),
            after=str(after[place]),
            unit=unit,
        )


def _pixels(path: Path, name: str) -> tuple[Array, str]:
    with reading(path), _quietly():
        if not os.path.isfile(path):
            raise ComparisonError(path, "it is gone" if not os.path.lexists(path) else "it is no file")
        with fits.open(path) as hdus:
            found = dict(zip(hdu_names(hdus), hdus, strict=True)).get(name)
            if not isinstance(found, fits.PrimaryHDU | fits.ImageHDU | fits.CompImageHDU) or not found.shape:
                raise ComparisonError(path, f"it has no image in HDU {name}")
            if math.prod(found.shape) > _MOST_PIXELS:
                raise ComparisonError(path, f"HDU {name} has {math.prod(found.shape)} pixels, too many to draw")
            unit = found.header.get("BUNIT")
            data = found.data
            return data.astype(data.dtype.newbyteorder("=")), unit if isinstance(unit, str) else ""


def _largest(a: Array, b: Array) -> tuple[int, ...] | None:
    """Return where two images differ most; a number against none, or against an infinity, differs more than any."""
    x, y = a.reshape(-1), b.reshape(-1)
    unequal = np.flatnonzero((x != y) & ~((x != x) & (y != y)))
    if not unequal.size:
        return None
    with np.errstate(all="ignore"):
        deltas = np.abs(y[unequal].astype(np.float64) - x[unequal].astype(np.float64))
    flat = unequal[np.where(np.isnan(deltas), np.inf, deltas).argmax()]
    return tuple(int(one) for one in np.unravel_index(flat, a.shape))


def _around(at: int, size: int) -> slice:
    """Return the stamp's extent along an axis; at an edge it is moved, not made smaller, if there is room."""
    start = max(0, min(at - _HALF, size - 2 * _HALF - 1))
    return slice(start, min(size, start + 2 * _HALF + 1))


@contextmanager
def _quietly() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
