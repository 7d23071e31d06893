# SPDX-License-Identifier: Apache-2.0
"""Measuring how two numpy arrays differ, for every comparator that ends up with arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from .difference import Difference, Kind, grouped, pair_up
from .tally import Tally

__all__ = ("label_axes", "measure_arrays", "measure_pieces")

Array = npt.NDArray[Any]

_CHUNK = 1 << 20
_COMPARABLE = {"ff", "cc", "SS", "UU", "ii", "uu", "iu", "ui"}


def measure_arrays(
    where: str,
    original: Array,
    remade: Array,
    *,
    noun: str = "values",
    label: Callable[[int], str] | None = None,
    unit: str = "",
) -> tuple[Difference, ...]:
    """Measure how two arrays differ, in pieces of about a million elements.

    Parameters
    ----------
    where : `str`
        What the arrays are, for the differences.
    original, remade : `numpy.ndarray`
        Arrays of any shape and any type but `object`. Byte order and memory layout are storage, not value.
    noun : `str`, optional
        What an element is called, in the plural.
    label : `~collections.abc.Callable` [ [ `int` ], `str` ], optional
        Names an element from its index in the flattened array; by default its index along each axis.
    unit : `str`, optional
        Of the elements, if it is the same on both sides.

    Returns
    -------
    differences : `tuple` [ `Difference`, ... ]
        Type and shape, if these differ; else up to one difference for values, one for NaN, one for infinities.
        A structured array gives one group with a child per field. NaN (whatever its payload) equals NaN in the
        same place; zeros of different sign differ, counted in the measure ``signed_zeros``. For finite floats
        and complex components: ``max_abs``, ``max_rel`` (|Δ|/|original|), ``max_ulp``, and the ``frontier`` of
        `replay.comparators.tolerance`, all in the unit of the data. For integers: ``max_abs`` and ``bits``, every
        bit that differs anywhere.

    Raises
    ------
    TypeError
        Raised for arrays of Python objects.
    """
    a, b = np.asarray(original), np.asarray(remade)
    if a.dtype.hasobject or b.dtype.hasobject:
        raise TypeError(f"{where}: holds Python objects, which have no values to compare")
    if a.dtype.names and b.dtype.names:
        return _measure_fields(where, a, b, noun)
    found = _measure_form(where, a, b, noun)
    if found or a.size == 0:
        return found
    flat_a, flat_b = a.reshape(-1), b.reshape(-1)
    pieces = (
        (start, flat_a[start : start + _CHUNK], flat_b[start : start + _CHUNK]) for start in range(0, a.size, _CHUNK)
    )
    return measure_pieces(where, pieces, Tally(a.size, noun, label or label_axes(a.shape), unit))


def label_axes(shape: tuple[int, ...]) -> Callable[[int], str]:
    """Make the function that names an element of an array of a shape by its index along each axis."""
    return lambda flat: f"({', '.join(str(i) for i in np.unravel_index(flat, shape))})"


def measure_pieces(where: str, pieces: Iterable[tuple[int, Array, Array]], tally: Tally) -> tuple[Difference, ...]:
    """Measure how two arrays of one type and shape differ that come in pieces.

    Parameters
    ----------
    where : `str`
        What the arrays are, for the differences.
    pieces : `~collections.abc.Iterable`
        The flat index where a piece begins, and it, flat, of either side.
    tally : `Tally`
        Nothing is in it yet.
    """
    for start, a, b in pieces:
        tally.add(start, a, b)
    return tally.differences(where)


def _measure_fields(where: str, a: Array, b: Array, noun: str) -> tuple[Difference, ...]:
    """Measure structured arrays field by field; padding between fields is storage."""
    names, found = pair_up(a.dtype.names or (), b.dtype.names or (), "field", "fields")
    if a.shape != b.shape:
        return grouped(where, (*found, _reshaped(where, a.shape, b.shape)))
    measured = (one for name in names for one in measure_arrays(f"field {name}", a[name], b[name], noun=noun))
    return grouped(where, (*found, *measured))


def _measure_form(where: str, a: Array, b: Array, noun: str) -> tuple[Difference, ...]:
    """Measure type and shape; of another type, also whether the values are equal."""
    found = []
    before, after = (array.dtype.newbyteorder("=") for array in (a, b))
    if before != after:
        detail, measures = f"{before} → {after}", {"original": str(before), "remade": str(after)}
        # Between other kinds, numpy compares after a conversion that loses digits: say nothing then.
        if a.shape == b.shape and before.kind + after.kind in _COMPARABLE:
            count = int(((a != b) & ~((a != a) & (b != b))).sum())
            detail += f", and {count} of {a.size} {noun} differ" if count else f", {noun} equal"
        found.append(Difference(where, Kind.DTYPE, detail, measures))
    if a.shape != b.shape:
        found.append(_reshaped(where, a.shape, b.shape))
    return tuple(found)


def _reshaped(where: str, before: tuple[int, ...], after: tuple[int, ...]) -> Difference:
    return Difference(where, Kind.SHAPE, f"shape {before} → {after}", {"original": str(before), "remade": str(after)})
