# SPDX-License-Identifier: Apache-2.0
"""Columns whose cells are arrays of different lengths: FITS variable-length arrays, Parquet lists."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from .difference import Difference, Kind

__all__ = ("label_cells", "label_items", "measure_lengths")

Lengths = npt.NDArray[Any]


def measure_lengths(
    where: str, original: Lengths, remade: Lengths, label: Callable[[int], str]
) -> tuple[Difference, ...]:
    """Measure how the lengths of cells differ.

    Parameters
    ----------
    where : `str`
        The column.
    original, remade : `numpy.ndarray`
        Integers of shape (n,): the length of each cell.
    label : `~collections.abc.Callable` [ [ `int` ], `str` ]
        Names a cell from its position.

    Returns
    -------
    differences : `tuple` [ `Difference`, ... ]
        One `Kind.SHAPE` difference, or none.
    """
    unequal = original != remade
    count = int(unequal.sum())
    if not count:
        return ()
    i = int(unequal.argmax())
    detail = (
        f"{count} of {len(original)} cells have another length, first at {label(i)}: {original[i]} → {remade[i]} items"
    )
    return (Difference(where, Kind.SHAPE, detail, {"count": count, "total": len(original), "first": label(i)}),)


def label_cells(shape: tuple[int, ...], label: Callable[[int], str]) -> Callable[[int], str]:
    """Make the function that names an element of a column: its row, and its place in a cell that is an array.

    Parameters
    ----------
    shape : `tuple` [ `int`, ... ]
        Of the column, (n, …).
    label : `~collections.abc.Callable` [ [ `int` ], `str` ]
        Names a row from its position.
    """
    size = int(np.prod(shape[1:]))

    def name(flat: int) -> str:
        place = ", ".join(str(i) for i in np.unravel_index(flat % size, shape[1:]))
        return f"{label(flat // size)} item ({place})"

    return name if len(shape) > 1 else label


def label_items(lengths: Lengths, label: Callable[[int], str]) -> Callable[[int], str]:
    """Make the function that names an item of the concatenated cells: its cell, then its place in the cell.

    Parameters
    ----------
    lengths : `numpy.ndarray`
        Integers of shape (n,): the length of each cell.
    label : `~collections.abc.Callable` [ [ `int` ], `str` ]
        Names a cell from its position.
    """
    ends = np.cumsum(lengths)

    def name(flat: int) -> str:
        cell = int(np.searchsorted(ends, flat, side="right"))
        return f"{label(cell)} item {flat - int(ends[cell] - lengths[cell])}"

    return name
