# SPDX-License-Identifier: Apache-2.0
"""Values as h5py reads them, those included that numpy knows as Python objects only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from .arrays import label_axes, measure_arrays
from .difference import Difference, Kind, brief, grouped
from .hdf5_types import as_text
from .ragged import label_cells, label_items, measure_lengths

__all__ = ("measure_values",)

Array = npt.NDArray[Any]
Label = Callable[[int], str]


def measure_values(
    where: str, a: Array, b: Array, dtype: Any, files: tuple[Any, Any], unit: str = "", label: Label | None = None
) -> tuple[Difference, ...]:
    """Measure how two arrays of one shape and of types that read alike differ.

    Parameters
    ----------
    where : `str`
        What the arrays are.
    a, b : `numpy.ndarray`
    dtype : `numpy.dtype`
        Their type, with h5py's metadata.
    files : `tuple` [ `h5py.File`, `h5py.File` ]
        For references, which are compared by the path of what they lead to.
    unit : `str`, optional
        Of the values.
    label : `~collections.abc.Callable`, optional
        Names an element from its index in the flattened array.

    Returns
    -------
    differences : `tuple` [ `Difference`, ... ]
        A compound gives a group with a child for each field.

    Raises
    ------
    ValueError
        Raised for references to regions of datasets, of which nothing short of reading both says whether they differ.
    """
    dtype, label = dtype.base, label or label_axes(a.shape)
    if dtype.names:
        fields = (
            one
            for name in dtype.names
            for one in measure_values(
                f"field {as_text(name)}", a[name], b[name], dtype[name], files, "", _label_field(a, name, label)
            )
        )
        return grouped(where, fields)
    if not dtype.hasobject:
        return measure_arrays(where, a, b, label=label, unit=unit)
    if h5py.check_ref_dtype(dtype) is not None:
        a, b = (_paths(side, file, dtype) for side, file in zip((a, b), files, strict=True))
    elif h5py.check_string_dtype(dtype) is None:
        items = h5py.check_vlen_dtype(dtype)
        return _measure_ragged(where, a.reshape(-1), b.reshape(-1), items, files, unit, label)
    return _measure_texts(where, a.reshape(-1), b.reshape(-1), label)


def _label_field(a: Array, name: str, label: Label) -> Label:
    """Make the function that names an element of a field, which may be an array in each compound."""
    inner = a[name].shape[a.ndim :]
    return label_cells((a.size, *inner), label)


def _measure_ragged(
    where: str, a: Array, b: Array, items: Any, files: tuple[Any, Any], unit: str, label: Label
) -> tuple[Difference, ...]:
    x, y = (np.array([len(cell) for cell in side], dtype=np.int64) for side in (a, b))
    if found := measure_lengths(where, x, y, label):
        return found
    if not x.sum():
        return ()
    flat_a, flat_b = (np.concatenate([np.asarray(cell, dtype=items) for cell in side]) for side in (a, b))
    return measure_values(where, flat_a, flat_b, items, files, unit, label_items(x, label))


def _measure_texts(where: str, a: Array, b: Array, label: Label) -> tuple[Difference, ...]:
    unequal = [i for i, (x, y) in enumerate(zip(a, b, strict=True)) if x != y]
    if not unequal:
        return ()
    first = unequal[0]
    before, after = (brief(repr(side[first])) for side in (a, b))
    measures: dict[str, str | int] = {
        "count": len(unequal),
        "total": len(a),
        "first": label(first),
        "first_original": before,
        "first_remade": after,
    }
    detail = f"{len(unequal)} of {len(a)} values differ, first at {label(first)}: {before} → {after}"
    return (Difference(where, Kind.VALUE, detail, measures),)


def _paths(references: Array, file: Any, dtype: Any) -> Array:
    """Name what references lead to."""
    if h5py.check_ref_dtype(dtype) is not h5py.Reference:
        raise ValueError("references to regions of datasets are not compared")
    found = np.empty(references.size, dtype=object)
    for i, reference in enumerate(references.reshape(-1)):
        found[i] = (h5py.h5r.get_name(reference, file.id) or b"?") if reference else b"nothing"
    return found
