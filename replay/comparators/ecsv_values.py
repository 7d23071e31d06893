# SPDX-License-Identifier: Apache-2.0
"""The cells of ECSV files, from text to what they are said to be."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from .difference import brief

__all__ = ("ColumnType", "column_as_arrow", "parse_type")

_FLAGS = {"True": True, "False": False}
_INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
_FLOATS = ("float16", "float32", "float64")
_COMPLEX = {"complex64": pa.float32(), "complex128": pa.float64()}
# Types that Arrow has no numbers for, and the JSON of objects; as texts, under a name that tells them from other texts.
_TEXTS = ("float128", "complex256", "json")
_SUBTYPE = re.compile(r"(\w+)(\[.*\])?")


class ColumnType(NamedTuple):
    """What a header says that a column holds."""

    scalar: str
    """An ECSV datatype, or ``json``."""
    shape: tuple[int | None, ...]
    """Of a cell; `None` stands for an axis whose length is each cell's own."""

    @property
    def items(self) -> int:
        """How many values a cell has that is null, which takes up as many."""
        return math.prod(length for length in self.shape if length is not None)

    @property
    def arrow(self) -> Any:
        """The `pyarrow.DataType` of the column."""
        made = _scalar_type(self.scalar)
        for length in reversed(self.shape):
            made = pa.large_list(made) if length is None else pa.list_(made, length)
        return made


def parse_type(datatype: str, subtype: str | None) -> ColumnType:
    """Read a column's type.

    Parameters
    ----------
    datatype : `str`
        Such as ``float64``, or ``string`` where there is a subtype.
    subtype : `str` or `None`
        Such as ``float64[2,null]`` or ``json``.

    Raises
    ------
    ValueError
        Raised if ECSV has no such type.
    """
    if subtype is None:
        return ColumnType(_checked(datatype, datatype), ())
    match = _SUBTYPE.fullmatch(str(subtype))
    if datatype != "string" or not match:
        raise ValueError(f"ECSV has no datatype {datatype!r} with the subtype {brief(repr(subtype))}")
    if match[1] == "json":
        return ColumnType("json", ())
    shape = json.loads(match[2]) if match[2] else []
    if not all(length is None or (type(length) is int and 0 <= length < 2**31) for length in shape):
        raise ValueError(f"{brief(repr(subtype))} is no shape")
    return ColumnType(_checked(match[1], str(subtype)), tuple(shape))


def column_as_arrow(name: str, cells: Sequence[str], kind: ColumnType) -> Any:
    """Read a column.

    Parameters
    ----------
    name : `str`
        Its name, for errors.
    cells : sequence of `str`
        As they stand in the file; an empty one is null.
    kind : `ColumnType`

    Returns
    -------
    column : `pyarrow.Array`

    Raises
    ------
    ValueError
        Raised if a cell is not of the type.
    """
    try:
        if not kind.shape:
            return _scalars([cell or None for cell in cells], kind.scalar)
        items = [json.loads(cell) if cell else None for cell in cells]
        return _nested(items, kind)
    except (ValueError, TypeError, OverflowError, KeyError) as error:
        raise ValueError(f"column {name}: {brief(str(error))} is no {kind.scalar}{list(kind.shape) or ''}") from error


def _checked(scalar: str, shown: str) -> str:
    if scalar not in ("bool", "string", *_INTEGERS, *_FLOATS, *_COMPLEX, *_TEXTS):
        raise ValueError(f"ECSV has no datatype {brief(repr(shown))}")
    return scalar


def _scalar_type(scalar: str) -> Any:
    if scalar in _COMPLEX:
        return pa.struct({"real": _COMPLEX[scalar], "imag": _COMPLEX[scalar]})
    if scalar in _TEXTS:
        return pa.struct({scalar: pa.large_string()})
    return pa.large_string() if scalar == "string" else pa.bool_() if scalar == "bool" else pa.type_for_alias(scalar)


def _scalars(values: Iterable[Any], scalar: str) -> Any:
    """Read values from their texts, or from what JSON made of these."""
    kind = _scalar_type(scalar)
    if scalar == "string":
        return pa.array([None if one is None else str(one) for one in values], kind)
    if scalar == "bool":
        return pa.array([None if one is None else _FLAGS[str(one)] for one in values], kind)
    if scalar in _TEXTS:
        normal = _NORMAL[scalar]
        return pa.array([None if one is None else {scalar: normal(str(one))} for one in values], kind)
    if scalar in _COMPLEX:
        numbers = [None if one is None else complex(one) for one in values]
        return pa.array([one if one is None else {"real": one.real, "imag": one.imag} for one in numbers], kind)
    values = list(values)
    mask = np.array([one is None for one in values], dtype=np.bool_)
    filled = np.array(["0" if one is None else str(one) for one in values], dtype=np.str_)
    return pa.array(filled.astype(scalar), kind, mask=mask)


def _nested(items: list[Any], kind: ColumnType) -> Any:
    """Read cells that are arrays; null stands for one that has no values at all."""
    if not kind.shape:
        return _scalars(items, kind.scalar)
    length, inner = kind.shape[0], ColumnType(kind.scalar, kind.shape[1:])
    mask = pa.array([item is None for item in items], pa.bool_())
    if length is None:
        lengths = [len(_as_list(item)) if item is not None else 0 for item in items]
        values = [value for item in items if item is not None for value in item]
        offsets = pa.array(np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]), pa.int64())
        return pa.LargeListArray.from_arrays(offsets, _nested(values, inner), mask=mask)
    if any(item is not None and len(_as_list(item)) != length for item in items):
        raise ValueError("a cell of another shape")
    return pa.array([item if item is None else _plain(item, inner) for item in items], kind.arrow)


def _plain(item: list[Any], kind: ColumnType) -> list[Any]:
    return list(_nested(item, kind).to_pylist())


def _as_list(item: Any) -> list[Any]:
    if not isinstance(item, list):
        raise TypeError("a cell without items")
    return item


_NORMAL: dict[str, Callable[[str], str]] = {
    "float128": lambda text: repr(np.longdouble(text)),
    "complex256": lambda text: repr(np.clongdouble(text)),
    # Written anew: blanks and the order of members carry no meaning.
    "json": lambda text: json.dumps(json.loads(text), sort_keys=True),
}
