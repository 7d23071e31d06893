# SPDX-License-Identifier: Apache-2.0
"""The data of FITS HDUs: images, and tables by column."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from astropy.io import fits

from .arrays import measure_arrays
from .base import reading
from .difference import Difference, Kind, pair_up, unique_names
from .expansion import check_expansion
from .fits_compressed import Quantisation, tell_quantisation
from .mask_planes import measure_integers
from .matched_rows import match_columns
from .matching import IN_PLACE, Matching
from .ragged import label_cells, label_items, measure_lengths

__all__ = ("Loaded", "compare_images", "compare_tables")

Array = npt.NDArray[Any]
Label = Callable[[int], str]

_VARIABLE_LENGTH = re.compile(r"\d*[PQ]([A-Z]?)")
# In bytes, of a FITS binary table (FITS standard 4.0, table 18).
_ITEM_SIZES = {"I": 2, "J": 4, "E": 4, "K": 8, "D": 8, "C": 8, "M": 16}


class Loaded(NamedTuple):
    """An HDU, and the file to blame if its data cannot be read."""

    hdu: Any
    path: Path
    planes: Mapping[int, str] | None = None
    """Names of the bits, if it is a mask that names them."""
    quantisation: Quantisation | None = None
    """If it is an image that was rounded when it was compressed."""


def compare_images(original: Loaded, remade: Loaded) -> tuple[Difference, ...]:
    """Measure how the pixels of two images differ, as read: decompressed and scaled.

    Parameters
    ----------
    original, remade : `Loaded`
        Image HDUs, with or without data.

    Returns
    -------
    differences : `tuple` [ `Difference`, ... ]
        In the unit of the image.

    Raises
    ------
    ComparisonError
        Raised if pixels cannot be read.
    """
    # Asked for first: reading scaled pixels makes astropy rewrite the header to match them.
    stored = [loaded.hdu.header.get("BITPIX") for loaded in (original, remade)]
    units = [str(loaded.hdu.header.get("BUNIT") or "") for loaded in (original, remade)]
    a, b = _pixels(original), _pixels(remade)
    if a is None or b is None:
        if a is b:
            return ()
        before, after = ("no pixels" if x is None else f"shape {x.shape}" for x in (a, b))
        return (Difference("pixels", Kind.SHAPE, f"{before} → {after}"),)
    if a.dtype.kind in "iu" and a.dtype.newbyteorder("=") == b.dtype.newbyteorder("=") and a.shape == b.shape:
        found = measure_integers("pixels", a, b, (original.planes or {}, remade.planes or {}))
    else:
        found = measure_arrays("pixels", a, b, noun="pixels", unit=units[0] if units[0] == units[1] else "")
        found = tell_quantisation(found, original.quantisation, remade.quantisation)
    if stored[0] != stored[1] and a.dtype == b.dtype:
        found += (Difference("pixels", Kind.DTYPE, f"stored with BITPIX {stored[0]} → {stored[1]}"),)
    return found


def compare_tables(
    original: Loaded, remade: Loaded, table: str = "", matching: Matching = IN_PLACE
) -> tuple[Difference, ...]:
    """Measure how two tables differ, column by column, paired by name.

    Parameters
    ----------
    original, remade : `Loaded`
        Table HDUs.
    table : `str`, optional
        What a key may call them.
    matching : `Matching`, optional
        Which rows belong together.

    Returns
    -------
    differences : `tuple` [ `Difference`, ... ]
        Without a key, if the number of rows differs, or the rows are the same ones in another order, then that in
        place of the values.

    Raises
    ------
    ComparisonError
        Raised if rows cannot be read, or two have the same key.
    """
    left, right = _columns(original), _columns(remade)
    names, found = pair_up(left, right, "column", "columns")
    key = matching.key(table, left, right)
    keyed = [(_cells(original, left[name]), _cells(remade, right[name])) for name in key.columns] if key else []
    rows = match_columns((original.path, remade.path), keyed, key) if key else None
    if rows:
        found += rows.differences(table)
        for name in names:
            a, b = _cells(original, left[name])[rows.original], _cells(remade, right[name])[rows.remade]
            found += _compare_column(
                f"column {name}", a, b, _unit(original, remade, left[name], right[name]), rows.label
            )
        return found
    x, y = _rows(original), _rows(remade)
    if len(x) != len(y):
        return (*found, Difference("rows", Kind.SHAPE, f"{len(x)} → {len(y)} rows"))
    values: list[Difference] = []
    for name in names:
        a, b = _cells(original, left[name]), _cells(remade, right[name])
        values += _compare_column(f"column {name}", a, b, _unit(original, remade, left[name], right[name]))
    fixed = all(not _VARIABLE_LENGTH.match(str(c.format)) for c in original.hdu.columns)
    if values and fixed and x.dtype == y.dtype and (moved := _moved_rows(x, y)):
        return (*found, *moved)
    return (*found, *values)


def _pixels(loaded: Loaded) -> Array | None:
    with reading(loaded.path):
        data = loaded.hdu.data
        # Not kept in the HDU, so that only one HDU's pixels are in memory at a time.
        del loaded.hdu.data
        return None if data is None else np.asarray(data)


def _columns(loaded: Loaded) -> dict[str, int]:
    """Map the columns' names to their places."""
    with reading(loaded.path):
        return {name: i for i, name in enumerate(unique_names(loaded.hdu.columns.names))}


def _rows(loaded: Loaded) -> Array:
    """Give the rows as stored, without the conversions of astropy."""
    with reading(loaded.path):
        data = loaded.hdu.data
        return np.zeros(0) if data is None else np.asarray(data.view(np.ndarray))


def _cells(loaded: Loaded, number: int) -> Array:
    """Give a column as stored, where that is a value already: converted, an undefined flag would be false."""
    with reading(loaded.path):
        column, data = loaded.hdu.columns[number], loaded.hdu.data
        scaled = column.bscale not in (None, "", 1) or column.bzero not in (None, "", 0)
        text = isinstance(loaded.hdu, fits.TableHDU)
        if match := _VARIABLE_LENGTH.match(str(column.format)):
            descriptors = _rows(loaded)[(_rows(loaded).dtype.names or ())[number]]
            # Any number of cells may claim the same bytes, each of which takes them up again in memory.
            size = int(descriptors.reshape(-1, 2)[:, 0].astype(np.int64).clip(0).sum()) * _ITEM_SIZES.get(match[1], 1)
            check_expansion(loaded.path, f"column {column.name}", size)
        if scaled or text or match:
            return np.asarray(data.field(number))
        rows = _rows(loaded)
        return np.asarray(rows[(rows.dtype.names or ())[number]])


def _unit(original: Loaded, remade: Loaded, left: int, right: int) -> str:
    """Give the unit of a column, if both sides agree on it."""
    units = {str(loaded.hdu.columns[i].unit or "") for loaded, i in ((original, left), (remade, right))}
    return units.pop() if len(units) == 1 else ""


def _compare_column(where: str, a: Array, b: Array, unit: str, row: Label = "row {}".format) -> tuple[Difference, ...]:
    if a.dtype.hasobject != b.dtype.hasobject:
        before, after = ("variable length" if x.dtype.hasobject else str(x.dtype.newbyteorder("=")) for x in (a, b))
        return (Difference(where, Kind.DTYPE, f"{before} → {after}"),)
    if not a.dtype.hasobject:
        return measure_arrays(where, a, b, label=label_cells(a.shape, row), unit=unit)
    lengths_a, lengths_b = (np.array([len(cell) for cell in column], dtype=np.int64) for column in (a, b))
    if found := measure_lengths(where, lengths_a, lengths_b, row):
        return found
    if not len(a):
        return ()
    flat_a, flat_b = (np.concatenate([np.ravel(cell) for cell in column]) for column in (a, b))
    return measure_arrays(where, flat_a, flat_b, noun="items", label=label_items(lengths_a, row), unit=unit)


def _moved_rows(x: Array, y: Array) -> tuple[Difference, ...]:
    """Find whether the rows are the same ones in another order."""
    a, b = (np.ascontiguousarray(rows).view(f"V{rows.dtype.itemsize}") for rows in (x, y))
    if np.sort(a).tobytes() != np.sort(b).tobytes():
        return ()
    moved = a != b
    count, first = int(moved.sum()), int(moved.argmax())
    detail = f"the same {len(a)} rows in another order: {count} have moved, the first is row {first}"
    return (Difference("rows", Kind.ORDER, detail, {"count": count, "total": len(a)}),)
