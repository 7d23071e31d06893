# SPDX-License-Identifier: Apache-2.0
"""Objects are taken apart so that whatever differs in them shows, and nothing that does not."""

from __future__ import annotations

import copy
import datetime
import enum
import io
import uuid
from collections import OrderedDict, UserDict, namedtuple
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import astropy.units as u
import numpy as np
import pyarrow as pa
import pytest
from astropy.table import Table
from pydantic import BaseModel

from replay.rubin.inside.taken_apart import OpaqueError, take_apart

Pair = namedtuple("Pair", "a b")


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


@dataclass
class Star:
    flux: float = 1.5
    names: list[str] = field(default_factory=lambda: ["a", "b"])
    image: Any = field(default_factory=lambda: np.arange(4.0))


class Slotted:
    __slots__ = ("_hidden", "shown")

    def __init__(self, shown: int, hidden: int) -> None:
        self.shown, self._hidden = shown, hidden


class Model(BaseModel):
    width: float = 2.0
    inner: dict[str, int] = {"a": 1}


class Annotated(dict[str, int]):
    """A mapping that holds more than its items."""

    note = ""


def annotated(note: str) -> Annotated:
    found = Annotated(a=1)
    found.note = note
    return found


def table(value: float = 1.0, note: str = "n") -> Table:
    return Table({"flux": [value, 2.0]}, meta={"note": note})


def schema(note: str) -> pa.Table:
    return pa.table({"x": [1, 2]}).replace_schema_metadata({"note": note})


DIFFERENT = {
    "numbers": (1.0, np.nextafter(1.0, 2)),
    "a number and its text": (1, "1"),
    "nothing and its text": (None, "None"),
    "a great number": (1 << 70, (1 << 70) + 1),
    "bytes": (b"ab", b"ac"),
    "a key": ({"a": 1}, {"b": 1}),
    "a key of another type": ({"1": 0}, {1: 0}),
    "a list and a tuple": ([1, "a"], (1, "a")),
    "an item": (["a", 1], ["a", 2]),
    "a number's type": ([1, 2], [1.0, 2.0]),
    "a longer list": ([1.0], [1.0, 2.0]),
    "an empty list and an empty dict": ([], {}),
    "sets": ({1, 2}, {1, 3}),
    "a member": (Colour.RED, Colour.BLUE),
    "a named tuple": (Pair(1, 2), Pair(1, 3)),
    "a field": (Star(), Star(flux=1.25)),
    "an array in a field": (Star(), Star(image=np.arange(4.0) + 1)),
    "an attribute in a slot": (Slotted(1, 2), Slotted(2, 2)),
    "a private attribute in a slot": (Slotted(1, 2), Slotted(1, 3)),
    "a model": (Model(), Model(inner={"a": 2})),
    "what a mapping holds besides": (annotated("x"), annotated("y")),
    "a user's mapping": (UserDict(a=1), UserDict(a=2)),
    "a class": (Star, Slotted),
    "a function": (copy.copy, copy.deepcopy),
    "a time": (datetime.datetime(2026, 1, 1), datetime.datetime(2026, 1, 2)),
    "a path": (Path("a"), Path("b")),
    "a fraction": (Fraction(1, 3), Fraction(1, 2)),
    "a UUID": (uuid.UUID(int=1), uuid.UUID(int=2)),
    "a unit": (1 * u.m, 1 * u.s),
    "a mask": (np.ma.array([1, 2], mask=[0, 1]), np.ma.array([1, 2], mask=[0, 0])),
    "a field of an array": (np.array([(1, 2)], "i4,i4"), np.array([(1, 3)], "i4,i4")),
    "objects of an array": (np.array(["a", None], object), np.array(["a", 1], object)),
    "a column": (table(), table(value=3.0)),
    "what a table says of itself": (table(), table(note="m")),
    "what a schema says": (schema("a"), schema("b")),
}


def same(one: object, other: object) -> bool:
    """Whether two objects are taken apart into the same arrays."""
    left, right = take_apart(one), take_apart(other)
    return left.keys() == right.keys() and all(
        left[name].dtype == right[name].dtype and np.array_equal(left[name], right[name]) for name in left
    )


@pytest.mark.parametrize("pair", DIFFERENT.values(), ids=DIFFERENT.keys())
def test_what_differs_shows(pair: tuple[object, object]) -> None:
    one, other = pair
    assert same(one, copy.deepcopy(one))
    assert not same(one, other)


def test_the_order_of_a_mapping_is_no_part_of_it() -> None:
    assert same({"a": 1, "b": 2}, {"b": 2, "a": 1})


def test_parts_are_named() -> None:
    found = take_apart({"stars": [Star()], "widths": [1.0, 2.0]})
    assert found["value['stars'][0].flux"] == 1.5
    assert found["value['widths']"].tolist() == [1.0, 2.0]
    assert not any(array.dtype.hasobject for array in found.values())


def test_all_can_be_kept(tmp_path: Path) -> None:
    for number, (one, _) in enumerate(DIFFERENT.values()):
        np.savez(tmp_path / f"{number}.npz", **take_apart(one))
        with np.load(tmp_path / f"{number}.npz", allow_pickle=False) as kept:
            assert sorted(kept) == sorted(take_apart(one))


class Endless:
    def __init__(self) -> None:
        self.inner = self


@pytest.mark.parametrize("value", [io.BytesIO, copy.copy])
def test_functions_and_classes_are_names(value: object) -> None:
    assert len(take_apart(value)) == 2


@pytest.mark.parametrize("value", [Endless(), (number for number in ()), [(x for x in "a")], [[0]] * 60_000])
def test_what_has_no_end_or_does_not_show_itself_is_refused(value: object) -> None:
    with pytest.raises(OpaqueError):
        take_apart(value)


def test_recursion_is_refused() -> None:
    value: list[Any] = ["a"]
    value.append(value)
    with pytest.raises(OpaqueError, match="nested too deeply"):
        take_apart(value)


def test_ordered_dicts_are_mappings() -> None:
    assert "value['a']" in take_apart(OrderedDict(a=1))
