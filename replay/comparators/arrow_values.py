# SPDX-License-Identifier: Apache-2.0
"""The values of Arrow columns, nested ones included."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from .arrays import measure_arrays
from .difference import Difference, Kind, brief
from .ragged import label_items, measure_lengths

__all__ = ("as_one_array", "find_moved_rows", "measure_values", "number_values")

_WIDE = {
    pa.string(): pa.large_string(),
    pa.string_view(): pa.large_string(),
    pa.binary(): pa.large_binary(),
    pa.binary_view(): pa.large_binary(),
}

Label = Callable[[int], str]
Positions = npt.NDArray[np.int64]


def as_one_array(column: Any) -> Any:
    """Join the pieces of a column.

    Parameters
    ----------
    column : `pyarrow.ChunkedArray`
        Of n values. A dictionary is storage and is undone; texts get 64-bit offsets, so that more than 2 GB of
        them fit in one array.

    Returns
    -------
    array : `pyarrow.Array`
        Of n values.

    Raises
    ------
    pyarrow.ArrowInvalid
        Raised if the column's buffers contradict each other.
    """
    column.validate(full=True)
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    column = column.cast(_WIDE.get(column.type, column.type))
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)


def measure_values(where: str, original: Any, remade: Any, label: Label, unit: str = "") -> tuple[Difference, ...]:
    """Measure how the values of two columns differ.

    Parameters
    ----------
    where : `str`
        The column.
    original, remade : `pyarrow.Array`
        Of n values, of one type.
    label : `~collections.abc.Callable` [ [ `int` ], `str` ]
        Names a value from its position.
    unit : `str`, optional
        Of the values, if it is the same on both sides.

    Returns
    -------
    differences : `tuple` [ `Difference`, ... ]
        Nulls first; then, where neither side is null, what the type calls for.
    """
    null_a, null_b = (array.is_null().to_numpy(zero_copy_only=False) for array in (original, remade))
    found = _measure_nulls(where, null_a, null_b, label)
    both = ~(null_a | null_b)
    if not both.any():
        return found
    rows = np.flatnonzero(both)
    if len(rows) < len(both):
        mask = pa.array(both)
        original, remade = original.filter(mask), remade.filter(mask)
    return found + _measure_valid(where, original, remade, lambda i: label(int(rows[i])), unit)


def find_moved_rows(size: int, columns: Iterable[tuple[Any, Any]]) -> Positions | None:
    """Find out whether two tables hold the same rows in another order.

    Parameters
    ----------
    size : `int`
        Number of rows n of each table.
    columns : `~collections.abc.Iterable` [ `tuple` [ `pyarrow.Array`, `pyarrow.Array` ] ]
        Each column of the one table with its counterpart.

    Returns
    -------
    moved : `numpy.ndarray` or `None`
        The rows, of shape (m,), that are at another place; `None` if the tables hold different rows.
    """
    numbers = np.zeros(2 * size, dtype=np.int64)
    for a, b in columns:
        codes = np.concatenate(number_values(a, b))
        # Rows get equal numbers exactly if they are equal in every column so far.
        numbers = np.unique(numbers * (codes.max() + 1) + codes, return_inverse=True)[1].astype(np.int64)
        if not np.array_equal(np.sort(numbers[:size]), np.sort(numbers[size:])):
            return None
    return np.flatnonzero(numbers[:size] != numbers[size:])


def number_values(a: Any, b: Any) -> tuple[Positions, Positions]:
    """Give each distinct value of two columns a number.

    Parameters
    ----------
    a, b : `pyarrow.Array`
        Of one type.

    Returns
    -------
    numbers : `tuple` [ `numpy.ndarray`, `numpy.ndarray` ]
        Of a value each; equal values have equal ones, NaN and null included.
    """
    joined = pa.concat_arrays([a, b])
    try:
        indices = joined.dictionary_encode().indices
    except pa.ArrowNotImplementedError:
        # Nested values; repr tells -0.0 from 0.0 and shows every NaN alike.
        indices = pa.array([repr(value.as_py()) for value in joined], pa.large_string()).dictionary_encode().indices
    numbers = np.asarray(indices.fill_null(-1).to_numpy(zero_copy_only=False), dtype=np.int64) + 1
    return numbers[: len(a)], numbers[len(a) :]


def _measure_nulls(where: str, a: Any, b: Any, label: Label) -> tuple[Difference, ...]:
    unequal = a != b
    count = int(unequal.sum())
    if not count:
        return ()
    i = int(unequal.argmax())
    sides = "null → value" if a[i] else "value → null"
    detail = f"{count} of {len(a)} values are null on one side only, first at {label(i)}: {sides}"
    return (Difference(where, Kind.NULL, detail, {"count": count, "total": len(a), "first": label(i)}),)


def _measure_valid(where: str, a: Any, b: Any, label: Label, unit: str) -> tuple[Difference, ...]:
    """Measure columns without nulls of their own."""
    kind = a.type
    if (storage := _as_numpy_type(kind)) is not None:
        x, y = (array.view(storage).to_numpy(zero_copy_only=False) for array in (a, b))
        return measure_arrays(where, x, y, label=label, unit=unit)
    if isinstance(kind, pa.BaseExtensionType):
        return measure_values(where, a.storage, b.storage, label, unit)
    if pa.types.is_dictionary(kind):
        return measure_values(where, a.dictionary_decode(), b.dictionary_decode(), label)
    if pa.types.is_boolean(kind):
        x, y = (array.to_numpy(zero_copy_only=False) for array in (a, b))
        return measure_arrays(where, x, y, label=label)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        x, y = (pc.list_value_length(array).to_numpy(zero_copy_only=False) for array in (a, b))
        if found := measure_lengths(where, x, y, label):
            return found
        return measure_values(where, a.flatten(), b.flatten(), label_items(x, label), unit)
    if pa.types.is_struct(kind):
        fields = zip(kind, a.flatten(), b.flatten(), strict=True)
        return tuple(one for f, x, y in fields for one in measure_values(f"{where}.{f.name}", x, y, label, unit))
    return _measure_objects(where, a, b, label)


def _measure_objects(where: str, a: Any, b: Any, label: Label) -> tuple[Difference, ...]:
    """Measure texts, bytes, decimals, maps and whatever else has no numpy counterpart."""
    x, y = number_values(a, b)
    unequal = x != y
    count = int(unequal.sum())
    if not count:
        return ()
    i = int(unequal.argmax())
    before, after = (brief(repr(array[i].as_py())) for array in (a, b))
    measures: dict[str, str | int] = {
        "count": count,
        "total": len(a),
        "first": label(i),
        "first_original": before,
        "first_remade": after,
    }
    detail = f"{count} of {len(a)} values differ, first at {label(i)}: {before} → {after}"
    return (Difference(where, Kind.VALUE, detail, measures),)


def _as_numpy_type(kind: Any) -> Any:
    """Choose the numeric type with the same bits; for times, the integer that counts their unit."""
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return kind
    if pa.types.is_temporal(kind) and not pa.types.is_interval(kind):
        return pa.int32() if kind.bit_width == 32 else pa.int64()
    return None
