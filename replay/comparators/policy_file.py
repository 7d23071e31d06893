# SPDX-License-Identifier: Apache-2.0
"""The file that a policy is written in: TOML, read strictly, since a key that is misspelt would excuse nothing."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, TypeVar

from envcap.errors import EnvcapError

from .difference import Kind, brief
from .matching import Key
from .rules import RowKey, Tolerance
from .volatile import Volatile

__all__ = ("PolicyError", "read_policy_file")

_T = TypeVar("_T")

_MEMBERS = ("atol", "bitwise", "dataset_type", "key", "rtol", "source", "tolerance", "volatile")
_RELAXING = ("atol", "key", "rtol", "tolerance", "volatile")
_FIGURES = ("rtol", "atol", "ulp")


class PolicyError(EnvcapError):
    """A policy file says something that is not a policy, or several contradict each other."""

    error_type = "bad_policy"
    exit_code = 2


def read_policy_file(path: Path) -> dict[str, Any]:
    """Read a policy file.

    Parameters
    ----------
    path : `pathlib.Path`
        A TOML file; ``docs/policies.md`` describes it.

    Returns
    -------
    fields : `dict`
        Those of a `replay.comparators.policy.Policy` that the file sets; ``volatile`` holds what it adds.

    Raises
    ------
    PolicyError
        Raised if the file cannot be read, or has a key or a value that no policy has.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise PolicyError(f"{path}: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise PolicyError(f"{path}: no TOML: {error}") from error
    if unknown := set(document) - set(_MEMBERS):
        raise PolicyError(f"{path}: unknown key {_shown(min(unknown))}; a policy has {', '.join(_MEMBERS)}")
    bitwise = document.get("bitwise", False)
    if not isinstance(bitwise, bool):
        raise PolicyError(f"{path}: bitwise must be true or false, not {_shown(bitwise)}")
    if bitwise and (relaxing := [key for key in _RELAXING if key in document]):
        raise PolicyError(f"{path}: bitwise leaves no room for {relaxing[0]}: nothing but the same bytes will do")
    return {
        "rtol": _tolerance(path, document, "rtol"),
        "atol": _tolerance(path, document, "atol"),
        "volatile": _tables(path, document, "volatile", _volatile),
        "tolerances": _tables(path, document, "tolerance", _rule),
        "keys": _tables(path, document, "key", _row_key),
        "bitwise": bitwise,
        "source": _text(path, document, "source", "the policy") if "source" in document else "",
        "dataset_types": _texts(path, document, "dataset_type", "the policy") if "dataset_type" in document else (),
    }


def _tables(
    path: Path, document: Mapping[str, Any], name: str, read: Callable[[Path, Mapping[str, Any]], _T]
) -> tuple[_T, ...]:
    tables = document.get(name, [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise PolicyError(f"{path}: {name} must be an array of tables: [[{name}]]")
    return tuple(read(path, table) for table in tables)


def _volatile(path: Path, table: Mapping[str, Any]) -> Volatile:
    _refuse_others(path, table, "volatile", ("place", "name", "reason"))
    place, name, reason = (_text(path, table, key, "volatile") for key in ("place", "name", "reason"))
    if place not in (Kind.CARD, Kind.METADATA):
        raise PolicyError(f"{path}: place must be 'card' or 'metadata', not {_shown(place)}")
    return Volatile(place, name, reason)


def _rule(path: Path, table: Mapping[str, Any]) -> Tolerance:
    _refuse_others(path, table, "tolerance", ("where", *_FIGURES, "source"))
    where, source = (_text(path, table, key, "tolerance") for key in ("where", "source"))
    if not any(figure in table for figure in _FIGURES):
        raise PolicyError(f"{path}: tolerance of {_shown(where)} needs rtol, atol or ulp")
    ulp = table.get("ulp")
    if ulp is not None and (not isinstance(ulp, int) or isinstance(ulp, bool) or not 0 <= ulp < 2**53):
        raise PolicyError(f"{path}: ulp must be a whole number from 0 to 2^53, not {_shown(ulp)}")
    return Tolerance(where, _tolerance(path, table, "rtol"), _tolerance(path, table, "atol"), ulp, source)


def _row_key(path: Path, table: Mapping[str, Any]) -> RowKey:
    _refuse_others(path, table, "key", ("table", "columns", "source"))
    name, source = (_text(path, table, key, "key") for key in ("table", "source"))
    return RowKey(Key(name, _texts(path, table, "columns", "key")), source)


def _refuse_others(path: Path, table: Mapping[str, Any], name: str, members: Collection[str]) -> None:
    if unknown := set(table) - set(members):
        raise PolicyError(f"{path}: unknown key {_shown(min(unknown))} in {name}; it has {', '.join(members)}")


def _text(path: Path, table: Mapping[str, Any], key: str, name: str) -> str:
    value = table.get(key)
    if not isinstance(value, str) or not value:
        raise PolicyError(f"{path}: {name} needs a text for {key!r}")
    return value


def _texts(path: Path, table: Mapping[str, Any], key: str, name: str) -> tuple[str, ...]:
    values = table.get(key)
    if not (isinstance(values, list) and values and all(isinstance(one, str) and one for one in values)):
        raise PolicyError(f"{path}: {name} needs a list of texts for {key!r}")
    return tuple(values)


def _tolerance(path: Path, table: Mapping[str, Any], key: str) -> str | None:
    value = table.get(key)
    if value is None:
        return None
    try:
        number = float(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else math.nan
    except (ValueError, OverflowError):
        number = math.nan
    if not (math.isfinite(number) and number >= 0):
        raise PolicyError(f"{path}: {key} must be a finite number that is not negative, not {_shown(value)}")
    return repr(number)


def _shown(value: object) -> str:
    return brief(repr(value))
