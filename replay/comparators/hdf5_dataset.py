# SPDX-License-Identifier: Apache-2.0
"""Datasets of HDF5 files: type, shape and values."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
import numpy.typing as npt

from .arrays import label_axes, measure_arrays, measure_pieces
from .base import ComparisonError, reading
from .difference import Difference, Kind
from .expansion import check_expansion
from .hdf5_types import as_array, describe_type, is_plain
from .hdf5_values import measure_values
from .matched_rows import match_columns
from .matching import Matching
from .tally import Tally

__all__ = ("Stored", "compare_datasets")

Array = npt.NDArray[Any]

_PIECE = 1 << 26
"""How much of a dataset is in memory at a time, in bytes, where that can be chosen."""
# Those that the library itself has. Any other is looked for among the plugins of the machine: code that a file names.
_FILTERS = {
    h5py.h5z.FILTER_DEFLATE,
    h5py.h5z.FILTER_SHUFFLE,
    h5py.h5z.FILTER_FLETCHER32,
    h5py.h5z.FILTER_SZIP,
    h5py.h5z.FILTER_NBIT,
    h5py.h5z.FILTER_SCALEOFFSET,
    h5py.h5z.FILTER_LZF,
}


class Stored(NamedTuple):
    """A dataset, and the file to blame if it cannot be read."""

    dataset: Any
    path: Path

    def read(self, where: Any = ()) -> Array:
        """Read values.

        Raises
        ------
        ComparisonError
            Raised if that fails.
        """
        with reading(self.path):
            value = self.dataset[where]
            return np.asarray(value) if where else as_array(value, self.dataset.dtype, self.dataset.shape)


def compare_datasets(
    original: Stored, remade: Stored, name: str, matching: Matching, unit: str
) -> tuple[Difference, ...]:
    """Measure how two datasets differ.

    Parameters
    ----------
    original, remade : `Stored`
    name : `str`
        The datasets' path; a key may call them so.
    matching : `Matching`
        Which rows belong together, where a dataset is a list of compounds.
    unit : `str`
        Of both, if they have the same.

    Returns
    -------
    differences : `tuple` [ `Difference`, ... ]

    Raises
    ------
    ComparisonError
        Raised if values cannot be read, or are not in the file itself.
    """
    for one in (original, remade):
        with reading(one.path):
            _check(one.dataset, name, one.path)
    a, b = original.dataset, remade.dataset
    key = matching.key(name, *(one.dtype.names or () for one in (a, b))) if len(a.shape or ()) == 1 else None
    if key and describe_type(a.dtype) == describe_type(b.dtype) and len(b.shape or ()) == 1:
        x, y = original.read(), remade.read()
        columns = [(x[field], y[field]) for field in key.columns]
        rows = match_columns((original.path, remade.path), columns, key)
        if rows:
            files = a.file, b.file
            values = measure_values("values", x[rows.original], y[rows.remade], a.dtype, files, unit, rows.label)
            return (*rows.differences(name), *values)
    found = _compare_form(original, remade)
    if found or a.shape is None or not a.size:
        return found
    if is_plain(a.dtype):
        tally = Tally(a.size, "values", label_axes(a.shape), unit)
        pieces = ((start, original.read(part), remade.read(part)) for start, part in _parts(a.shape, a.dtype.itemsize))
        flat = ((start, x.reshape(-1), y.reshape(-1)) for start, x, y in pieces)
        return measure_pieces("values", flat, tally)
    with reading(original.path, f"cannot be compared with {remade.path}: "):
        return measure_values("values", original.read(), remade.read(), a.dtype, (a.file, b.file), unit)


def _check(dataset: Any, name: str, path: Path) -> None:
    """Refuse what would be read from other files, by code that a file names, or into more than there is."""
    plist = dataset.id.get_create_plist()
    if plist.get_external_count() or dataset.is_virtual:
        raise ComparisonError(path, f"dataset {name} has its values in other files, which are not read")
    for i in range(plist.get_nfilters()):
        number = plist.get_filter(i)[0]
        if number not in _FILTERS:
            raise ComparisonError(
                path, f"dataset {name} is packed by filter {number}, which is not HDF5's own: not read"
            )
    if dataset.shape is not None:
        check_expansion(path, f"dataset {name}", math.prod(dataset.shape) * dataset.dtype.itemsize)
    if dataset.chunks:
        check_expansion(path, f"a chunk of dataset {name}", math.prod(dataset.chunks) * dataset.dtype.itemsize)


def _compare_form(original: Stored, remade: Stored) -> tuple[Difference, ...]:
    """Compare types and shapes; where only the type of numbers differs, also whether these are equal."""
    a, b = original.dataset, remade.dataset
    before, after = describe_type(a.dtype), describe_type(b.dtype)
    found: tuple[Difference, ...] = ()
    if before != after:
        measures = {"original": before, "remade": after}
        found = (Difference("values", Kind.DTYPE, f"{before} → {after}", measures),)
        small = a.shape is not None and a.size * max(a.dtype.itemsize, b.dtype.itemsize) <= _PIECE
        if small and a.shape == b.shape and is_plain(a.dtype) and is_plain(b.dtype) and a.dtype != b.dtype:
            found = measure_arrays("values", original.read(), remade.read())
    if a.shape != b.shape:
        shapes = ("nothing" if shape is None else f"shape {shape}" for shape in (a.shape, b.shape))
        found += (Difference("values", Kind.SHAPE, " → ".join(shapes)),)
    return found


def _parts(shape: tuple[int, ...], size: int) -> Iterator[tuple[int, tuple[Any, ...]]]:
    """Part an array into pieces that follow each other in its flattened order: where each begins, and its slices."""
    whole = math.prod(shape)
    if whole * size <= _PIECE or not shape:
        yield 0, ()
        return
    row = whole // shape[0]
    if row * size > _PIECE:
        for i in range(shape[0]):
            for start, part in _parts(shape[1:], size):
                yield i * row + start, (i, *part)
        return
    step = _PIECE // (row * size)
    for i in range(0, shape[0], step):
        yield i * row, (slice(i, i + step),)
