# SPDX-License-Identifier: Apache-2.0
"""Metadata of Parquet and Arrow schemas, key by key, down into what astropy and pandas serialise there."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any

import yaml

from .difference import Difference, Kind, changed
from .json_yaml import load_yaml
from .tolerance import measure_numbers
from .tree import Tagged

__all__ = ("column_units", "compare_metadata")

Path = tuple[str, ...]
Entries = dict[Path, Any]

_MOST = 100_000
# What astropy calls the type of a column and of its items.
_TYPE_NAMES = {"datatype", "subtype"}
_UNIT_NAMES = {"unit", "units"}
# Numbers that the Parquet format gives to columns by position.
_POSITIONAL = b"PARQUET:field_id"


def compare_metadata(original: Any, remade: Any) -> tuple[Difference, ...]:
    """Measure how the metadata of two schemas differ.

    Parameters
    ----------
    original, remade : `pyarrow.Schema`
        The schemas.

    Returns
    -------
    differences : `tuple` [ `Difference`, ... ]
        `Kind.UNIT` for units, else `Kind.METADATA`. The measure ``name`` is the key as the writer knew it, such
        as ``LSST.BUTLER.RUN``, wherever it is nested. Columns that only one schema has are left out. A unit that
        a writer recorded twice is reported once.
    """
    lone = set(original.names) ^ set(remade.names)
    retyped = {name for name in set(original.names) - lone if original.field(name).type != remade.field(name).type}
    left, right = (
        {path: value for path, value in _entries(schema).items() if not _is_told_of(path, lone, retyped)}
        for schema in (original, remade)
    )
    found: dict[tuple[str, Kind, str], Difference] = {}
    for path in {**left, **right}:
        a, b = left.get(path), right.get(path)
        before, after = (repr(side[path]) if path in side else None for side in (left, right))
        if before != after:
            figures = measure_numbers(a, b) if isinstance(a, float) and isinstance(b, float) else None
            where, kind, name = _locate(path)
            difference = changed(kind, where, name, before, after, figures)
            found.setdefault((where, kind, difference.detail), difference)
    return tuple(found.values())


def _is_told_of(path: Path, lone: set[str], retyped: set[str]) -> bool:
    """Tell whether the columns themselves tell what an entry says."""
    if path[0] != "column":
        return False
    return path[2] in lone or (path[2] in retyped and path[3] in _TYPE_NAMES)


def column_units(schema: Any) -> dict[str, str]:
    """Return the units of a schema's columns by the columns' names.

    Parameters
    ----------
    schema : `pyarrow.Schema`
    """
    return {
        path[2]: str(value)
        for path, value in _entries(schema).items()
        if path[0] == "column" and len(path) == 4 and path[3].lower() in _UNIT_NAMES and value
    }


def _locate(path: Path) -> tuple[str, Kind, str]:
    """Say where a path is, what kind of metadata it leads to, and by which name."""
    of_column = path[0] == "column"
    key = path[3:] if of_column else path[1:]
    kind = Kind.UNIT if any(part.lower() in _UNIT_NAMES for part in key) else Kind.METADATA
    # Keys need not be Unicode; what is stored must be.
    name = ".".join(key).encode("utf-8", "backslashreplace").decode()
    return f"column {path[2]}" if of_column else f"metadata {name}", kind, name


def _entries(schema: Any) -> Entries:
    """Flatten all metadata.

    Paths begin with ``column``, who says so, and the column's name; or with where in the file they are recorded, and
    the key as the writer knew it.
    """
    entries: Entries = {}
    for field in schema:
        for key, value in (field.metadata or {}).items():
            if key != _POSITIONAL:
                entries["column", "field", field.name, _text(key)] = _text(value)
    for raw_key, raw_value in (schema.metadata or {}).items():
        key, text = _text(raw_key), _text(raw_value)
        try:
            entries |= _PARSERS.get(key, _plain)(key, text)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, yaml.YAMLError):
            # Not what astropy or pandas writes: still comparable as a text.
            entries |= _plain(key, text)
    return entries


def _plain(key: str, text: str) -> Entries:
    return {("schema", key): text}


def _astropy(key: str, text: str) -> Entries:
    """Flatten the YAML that `astropy.table.meta` writes: a list of columns and a mapping ``meta``."""
    (document,) = load_yaml(text)
    document.pop("delimiter", None)  # of the text of an ECSV file
    meta = dict(document.pop("meta", None) or {})
    serialized = meta.pop("__serialized_columns__", None)
    entries = _columns(key, document.pop("datatype"), ("name",))
    for path, value in (("meta",), meta), ((key, "__serialized_columns__"), serialized), ((key, key), document):
        entries |= _flat(path, value) if value else {}
    return entries


def _pandas(key: str, text: str) -> Entries:
    """Flatten the JSON that pandas writes: a list of columns, and more."""
    document = json.loads(text)
    return _columns(key, document.pop("columns"), ("field_name", "name")) | _flat((key, key), document)


_PARSERS: Mapping[str, Callable[[str, str], Entries]] = {"table_meta_yaml": _astropy, "pandas": _pandas}


def _columns(source: str, columns: list[dict[str, Any]], names: tuple[str, ...]) -> Entries:
    entries: Entries = {}
    for column in columns:
        given = [str(column[key]) for key in names if column.get(key) is not None]
        if not given:
            raise ValueError("a column without a name")
        rest = {key: value for key, value in column.items() if key not in ("name", "field_name")}
        entries |= _flat(("column", source, given[0]), rest)
    return entries


def _flat(path: Path, value: Any) -> Entries:
    entries = dict(islice(_walk(path, value), _MOST))
    if len(entries) == _MOST:
        raise ValueError("too many entries, as aliases in a few lines of YAML can make")
    return entries


def _walk(path: Path, value: Any) -> Iterator[tuple[Path, Any]]:
    """Iterate over the scalars and empty containers below a value."""
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from _walk((*path, str(key)), item)
    elif isinstance(value, Tagged):
        yield from _walk((*path, value.tag), value.value)
    elif isinstance(value, list | tuple) and value:
        for i, item in enumerate(value):
            yield from _walk((*path, f"[{i}]"), item)
    else:
        yield path, value


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")
