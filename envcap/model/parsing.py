# SPDX-License-Identifier: Apache-2.0
"""JSON that nobody vouches for: what is taken can be written again, and costs no more than so much memory and depth."""

from __future__ import annotations

import json

from ..digest import MAX_INTEGER
from ..errors import FormatError

__all__ = ("MAX_DEPTH", "MAX_VALUES", "parse_json")

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MAX_DEPTH = 64
"""Deepest nesting that a reader accepts: far beyond any document, and far below Python's recursion limit."""

MAX_VALUES = 1 << 22
"""Most values that a reader accepts, counted by brackets and commas: Python takes up to 200 bytes for each."""


def parse_json(data: bytes) -> Any:
    """Parse JSON that nobody vouches for.

    Raises
    ------
    FormatError
        If it isn't UTF-8 JSON, names a member twice, holds a float, a non-finite number or an integer beyond
        `MAX_INTEGER`, nests deeper than `MAX_DEPTH`, or has more than `MAX_VALUES` values.
    """
    if data.count(b",") + data.count(b"[") + data.count(b"{") > MAX_VALUES:
        raise FormatError(f"not a JSON document: it has more than {MAX_VALUES} values")
    try:
        parsed = json.loads(
            data.decode("utf-8"), object_pairs_hook=_unique, parse_float=_no_float, parse_constant=_no_float
        )
        _check_values(parsed)
    except (ValueError, RecursionError) as err:
        raise FormatError(f"not a JSON document: {err}") from err
    return parsed


def _check_values(parsed: Any) -> None:
    """Raise `ValueError` for what could not be written: too deep, too large, no Unicode (an escaped lone surrogate)."""
    waiting = [(parsed, 1)]
    while waiting:
        value, depth = waiting.pop()
        if depth > MAX_DEPTH:
            raise ValueError(f"it nests deeper than {MAX_DEPTH}")
        if isinstance(value, str):
            value.encode("utf-8")
        elif isinstance(value, int):
            if not -MAX_INTEGER <= value <= MAX_INTEGER:
                raise ValueError("an integer is beyond 2^53 - 1")
        elif isinstance(value, dict):
            waiting += [(item, depth + 1) for pair in value.items() for item in pair]
        elif isinstance(value, list):
            waiting += [(item, depth + 1) for item in value]


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member is named twice")
    return members


def _no_float(text: str) -> Any:
    raise ValueError(f"the number {text[:40]} is no integer")
