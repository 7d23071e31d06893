# SPDX-License-Identifier: Apache-2.0
"""Attributes of HDF5 objects, by name."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py

from .base import reading
from .difference import Difference, Kind, Measures, changed
from .expansion import check_expansion
from .hdf5_types import as_array, as_text, describe_type
from .hdf5_values import measure_values

__all__ = ("compare_attributes", "unit_of")

# As astropy, and as the conventions for climate and forecast (CF) call it.
_UNITS = ("unit", "units")
_MOST_SHOWN = 64
_FIGURES = ("max_abs", "max_ulp", "frontier", "count", "total")


def compare_attributes(paths: tuple[Path, Path], a: Any, b: Any) -> Iterator[Difference]:
    """Measure how the attributes of two objects differ.

    Parameters
    ----------
    paths : `tuple` [ `pathlib.Path`, `pathlib.Path` ]
        The files.
    a, b : `h5py.Group`, `h5py.Dataset` or `h5py.Datatype`

    Yields
    ------
    difference : `Difference`
        `Kind.UNIT` for ``unit`` and ``units``, else `Kind.METADATA`; floats carry what a tolerance needs.

    Raises
    ------
    ComparisonError
        Raised if one cannot be read.
    """
    left, right = (_read(path, found) for path, found in zip(paths, (a, b), strict=True))
    for name in sorted({**left, **right}):
        pair = left.get(name), right.get(name)
        kind = Kind.UNIT if name in _UNITS else Kind.METADATA
        figures: Measures | None = {}
        if pair[0] and pair[1]:
            figures = _measure(paths, pair[0], pair[1], (a.file, b.file))
        if figures is not None:
            before, after = (None if one is None else str(one) for one in pair)
            shown = as_text(name)
            yield changed(kind, f"attribute {shown}", shown, before, after, figures)


def unit_of(found: Any) -> str:
    """Return the unit that an object says it has; nothing if it says nothing."""
    for name in _UNITS:
        if name in found.attrs and h5py.check_string_dtype(found.attrs.get_id(name).dtype):
            value = found.attrs[name]
            return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return ""


class _Attribute:
    """The value of an attribute, and what type it is stored as."""

    def __init__(self, path: Path, name: str, attributes: Any) -> None:
        stored = attributes.get_id(name)
        self.type = describe_type(stored.dtype)
        self.dtype = stored.dtype
        self.shape = None if stored.get_space().get_simple_extent_type() == h5py.h5s.NULL else stored.shape
        if self.shape is not None:
            check_expansion(path, f"attribute {name}", math.prod(self.shape) * self.dtype.itemsize)
            self.value = as_array(attributes[name], self.dtype, self.shape)

    def __str__(self) -> str:
        if self.shape is None:
            return "nothing"
        return repr(self.value.tolist()) if self.value.size <= _MOST_SHOWN else f"{self.value.size} values"


def _read(path: Path, found: Any) -> dict[str, _Attribute]:
    with reading(path):
        return {name: _Attribute(path, name, found.attrs) for name in found.attrs}


def _measure(paths: tuple[Path, Path], a: _Attribute, b: _Attribute, files: tuple[Any, Any]) -> Measures | None:
    """Measure two values; `None` if they are the same, and no figures if no tolerance could cover what differs."""
    if (a.type, a.shape) != (b.type, b.shape):
        return {"original_type": f"{a.type} {a.shape}", "remade_type": f"{b.type} {b.shape}"}
    if a.shape is None:
        return None
    with reading(paths[0], f"cannot be compared with {paths[1]}: "):
        found = measure_values("value", a.value, b.value, a.dtype, files)
    if not found:
        return None
    if len(found) > 1 or found[0].kind is not Kind.VALUE:
        return {}
    return {name: found[0].measures[name] for name in _FIGURES if name in found[0].measures}
