# SPDX-License-Identifier: Apache-2.0
"""Any object as named arrays: the parts that its values are in, down to numbers and texts.

Two objects with the same arrays hold the same: mappings, sequences, arrays and tables item by item, and of all others
what pickle would keep of them. What can't be pickled is refused, since it may hold more than it shows.
"""

from __future__ import annotations

import copyreg
import itertools
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

import numpy as np

__all__ = ("OpaqueError", "take_apart")

_MOST_PARTS = 100_000
_DEEPEST = 100
_LONGEST_INTEGER = 1 << 63


class OpaqueError(Exception):
    """An object can't be taken apart."""


def take_apart(value: object, name: str = "value") -> dict[str, Any]:
    """Return the parts of an object.

    Parameters
    ----------
    value : `object`
    name : `str`, optional
        Of the whole; parts are called ``NAME.attribute``, ``NAME[key]``.

    Returns
    -------
    arrays : `dict` [ `str`, `numpy.ndarray` ]
        None is of objects. What is no array has the shape ``()``; what is no number is a text.

    Raises
    ------
    OpaqueError
        If it has no end, or does not show what it holds.
    """
    found: dict[str, Any] = {}
    for part, array in _parts(value, name, _DEEPEST):
        if part in found:
            raise OpaqueError(f"{part} is there twice")
        found[part] = array
        if len(found) > _MOST_PARTS:
            raise OpaqueError(f"{name} has more than {_MOST_PARTS} parts")
    return found


def _parts(value: Any, name: str, left: int) -> Iterator[tuple[str, Any]]:
    if left == 0:
        raise OpaqueError(f"{name} is nested too deeply, or contains itself")
    plain = _plain(value)
    if plain is not None:
        yield name, plain
        return
    if isinstance(value, np.ndarray):
        yield from _array_parts(value, name, left)
        return
    yield f"{name}: type", np.array(f"{type(value).__module__}.{type(value).__qualname__}")
    for part, inner in _inner(value, name):
        yield from _parts(inner, part, left - 1)


def _plain(value: Any) -> Any:
    """Return a number or a text as an array; `None` if it is neither."""
    if isinstance(value, bool | float | complex | str | np.generic):
        return np.asarray(value)
    if isinstance(value, int):
        return np.asarray(value if abs(value) < _LONGEST_INTEGER else str(value))
    if isinstance(value, bytes | bytearray | memoryview):
        return np.frombuffer(bytes(value), dtype=np.uint8)
    return None


def _array_parts(value: Any, name: str, left: int) -> Iterator[tuple[str, Any]]:
    if isinstance(value, np.ma.MaskedArray):
        yield f"{name}: masked", np.ma.getmaskarray(value)
        value = value.filled(value.dtype.type())
    unit = getattr(value, "unit", None)
    if unit is not None:
        yield f"{name}: unit", np.array(str(unit))
    value = np.asarray(value)
    if value.dtype.names is not None:
        for field in value.dtype.names:
            yield from _array_parts(value[field], f"{name}.{field}", left)
    elif value.dtype.hasobject:
        yield f"{name}: shape", np.array(value.shape)
        for number, one in enumerate(value.ravel()):
            yield from _parts(one, f"{name}[{number}]", left - 1)
    else:
        yield name, value


def _inner(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Yield what an object is made of, with the names of the parts."""
    kind = type(value)
    if value is None:
        return
    if kind in (dict, OrderedDict):  # the order of the items is no part of the value
        yield from ((f"{name}[{key!r}]", value[key]) for key in sorted(value, key=repr))
    elif kind in (set, frozenset):
        yield from ((f"{name}[{number}]", one) for number, one in enumerate(sorted(value, key=repr)))
    elif kind in (list, tuple):
        numbers = _as_numbers(value)
        yield from (
            [(name, numbers)] if numbers is not None else ((f"{name}[{n}]", one) for n, one in enumerate(value))
        )
    elif isinstance(value, type | FunctionType | BuiltinFunctionType):
        yield f"{name}: name", f"{value.__module__}.{value.__qualname__}"
    elif isinstance(value, ModuleType):
        yield f"{name}: name", value.__name__
    else:
        yield from _of_instance(value, name)


def _as_numbers(value: Sequence[Any]) -> Any:
    """Return a sequence of numbers of one type as an array; `None` of any other."""
    kinds = {type(one) for one in itertools.islice(value, 2)} if value else set()
    if len(kinds) == 1 and kinds <= {float, int, bool, complex} and {type(one) for one in value} == kinds:
        array = np.asarray(value)
        return None if array.dtype.hasobject else array
    return None


def _of_instance(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    if hasattr(value, "colnames") and hasattr(value, "meta"):  # astropy.table.Table
        yield from ((f"{name}[{column!r}]", np.ma.asanyarray(value[column])) for column in value.colnames)
        yield f"{name}.meta", dict(value.meta)
    elif hasattr(value, "to_pydict") and hasattr(value, "schema"):  # pyarrow.Table
        yield from ((f"{name}[{column!r}]", value[column].to_numpy()) for column in value.column_names)
        yield f"{name}.types", [str(kind) for kind in value.schema.types]
        yield f"{name}.metadata", dict(value.schema.metadata or {})
    else:
        yield from _of_state(value, name)


def _of_state(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Yield what pickle would keep: by its protocol, that is all there is (PEP 307)."""
    try:
        reduced = value.__reduce_ex__(2)
    except Exception as err:
        raise OpaqueError(f"{name}, of class {type(value).__qualname__}, does not show what it holds: {err}") from err
    if isinstance(reduced, str):
        yield f"{name}: name", reduced
        return
    made, arguments, state, items, pairs = (*reduced, None, None, None)[:5]
    if made is copyreg.__newobj__:  # type: ignore[attr-defined]
        arguments = arguments[1:]  # the first is the class
    yield from ((f"{name}({number})", one) for number, one in enumerate(arguments))
    attributes = state if isinstance(state, tuple) and len(state) == 2 else (state,)
    for part in attributes:
        if isinstance(part, dict):
            yield from ((f"{name}.{attribute}", one) for attribute, one in sorted(part.items(), key=str))
        elif part is not None:
            yield f"{name}: state", part
    yield from ((f"{name}[{number}]", one) for number, one in enumerate(items or ()))
    yield from ((f"{name}[{key!r}]", one) for key, one in pairs or ())
