# SPDX-License-Identifier: Apache-2.0
"""ECSV files: a header of YAML behind ``#``, then a table of text with one delimiter.

The format is Astropy Proposal for Enhancement 6 and what `astropy.io.ascii` writes. The header is read without acting
on its tags; columns that astropy would assemble into an object, such as a time, are compared as they are stored.
"""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa

from .base import ComparisonError
from .ecsv_values import column_as_arrow, parse_type
from .expansion import check_expansion
from .json_yaml import load_yaml
from .tables import Opened, TableComparator

__all__ = ("EcsvComparator",)

_HEADER_LINE = re.compile(r"\s*# ?")
_MAGIC = re.compile(r"%ECSV \d+\.\d+(\.\d+)?\s*")
_DELIMITERS = (" ", ",")


class EcsvComparator(TableComparator):
    """Compares ECSV files."""

    name: ClassVar[str] = "ecsv"
    description: ClassVar[str] = "ECSV: columns by name, rows, units and metadata by key, whatever the delimiter"

    @staticmethod
    def _open(path: Path) -> Opened:
        with path.open(encoding="utf-8", newline="") as file:
            header, body = _split(path, file.read())
        (document,) = load_yaml(header)
        columns = document["datatype"]
        types = {str(one["name"]): parse_type(str(one["datatype"]), one.get("subtype")) for one in columns}
        if len(types) < len(columns):
            raise ComparisonError(path, "has several columns of one name")
        rows = _read_rows(path, body, document.get("delimiter", " "), list(types))
        for name, kind in types.items():
            check_expansion(path, f"column {name}", len(rows) * kind.items * 8)
        cells = dict(zip(types, zip(*rows, strict=True), strict=True)) if rows else dict.fromkeys(types, ())
        fields = [pa.field(name, kind.arrow) for name, kind in types.items()]
        schema = pa.schema(fields, metadata={"table_meta_yaml": header})

        def column(name: str) -> Any:
            return pa.chunked_array([column_as_arrow(name, cells[name], types[name])])

        return schema, len(rows), column


def _split(path: Path, text: str) -> tuple[str, str]:
    """Part the YAML from the table."""
    lines = text.splitlines(keepends=True)
    end = next((i for i, line in enumerate(lines) if line.strip() and not line.lstrip().startswith("#")), len(lines))
    header = [_HEADER_LINE.sub("", line, count=1) for line in lines[:end] if line.strip()]
    if not (header and _MAGIC.fullmatch(header[0])):
        raise ComparisonError(path, "does not begin as an ECSV file does, with '# %ECSV' and a version")
    return "".join(header[1:]), "".join(lines[end:])


def _read_rows(path: Path, body: str, delimiter: str, names: list[str]) -> list[list[str]]:
    """Read the cells, after the line that repeats the columns' names."""
    if delimiter not in _DELIMITERS:
        raise ComparisonError(path, f"has the delimiter {delimiter!r}, and ECSV knows a space and a comma only")
    # A cell can hold an array of any length, and Python's limit is for one that doesn't know how long the text is.
    csv.field_size_limit(max(csv.field_size_limit(), len(body)))
    reader = csv.reader(io.StringIO(body, newline=""), delimiter=delimiter, skipinitialspace=True, strict=True)
    repeated, *rows = [row for row in reader if row] or [[]]
    if repeated != names:
        raise ComparisonError(path, "has other columns in its header than above its table")
    for number, row in enumerate(rows):
        if len(row) != len(names):
            raise ComparisonError(path, f"row {number} has {len(row)} cells, not {len(names)}")
    return rows
