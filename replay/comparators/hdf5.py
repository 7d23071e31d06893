# SPDX-License-Identifier: Apache-2.0
"""HDF5 files: groups, datasets, attributes and links by path, whatever the chunks and the compression.

Links that lead elsewhere are compared and never followed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import h5py

from .base import Comparator, ComparisonError, reading
from .difference import Difference, Kind, grouped, pair_up
from .hdf5_attributes import compare_attributes, unit_of
from .hdf5_dataset import Stored, compare_datasets
from .hdf5_types import as_text, describe_type
from .matching import Matching

__all__ = ("Hdf5Comparator",)

_MOST_OBJECTS = 100_000
_NO_NAMES = ("", ".", "..")


class Hdf5Comparator(Comparator):
    """Compares HDF5 files."""

    name: ClassVar[str] = "hdf5"
    description: ClassVar[str] = "HDF5: groups, datasets, attributes and links by path; values by type, shape and unit"

    def _compare(self, original: Path, remade: Path) -> tuple[Difference, ...]:
        with ExitStack() as stack:
            files = []
            for path in (original, remade):
                with reading(path):
                    files.append(stack.enter_context(h5py.File(path, "r", locking=False)))
            return tuple(_Walk((original, remade), self.matching).compare("/", files[0], files[1]))


class _Link(NamedTuple):
    """A link of a group: to an object of its own, or to what a path names."""

    kind: str
    target: str

    def __str__(self) -> str:
        return f"{self.kind} to {self.target}" if self.target else self.kind


_OWN = _Link("hard link", "")


class _Walk:
    """One comparison of two files; each pair of objects is compared once, however many links lead to it."""

    def __init__(self, paths: tuple[Path, Path], matching: Matching) -> None:
        self._paths = paths
        self._matching = matching
        self._seen: set[tuple[int, int]] = set()

    def compare(self, name: str, original: Any, remade: Any) -> Iterator[Difference]:
        """Compare two objects and all that is below them."""
        waiting = [(name, original, remade)]
        while waiting:
            name, a, b = waiting.pop()
            if (pair := (self._address(0, a), self._address(1, b))) in self._seen:
                continue
            self._seen.add(pair)
            if len(self._seen) > _MOST_OBJECTS:
                raise ComparisonError(self._paths[0], f"more than {_MOST_OBJECTS} objects: not read")
            before, after = _category(a), _category(b)
            if before != after:
                yield Difference(f"object {name}", Kind.TYPE, f"{before} → {after}")
                continue
            yield from grouped(f"{before} {name}", (*compare_attributes(self._paths, a, b), *self._inside(name, a, b)))
            if before == "group":
                found, below = self._members(name, a, b)
                yield from found
                waiting += reversed(below)

    def _inside(self, name: str, a: Any, b: Any) -> Iterator[Difference]:
        """Compare what an object holds besides attributes and members."""
        if isinstance(a, h5py.Dataset):
            units = {unit_of(a), unit_of(b)}
            unit = units.pop() if len(units) == 1 else ""
            pair = Stored(a, self._paths[0]), Stored(b, self._paths[1])
            yield from compare_datasets(*pair, name, self._matching, unit)
        elif isinstance(a, h5py.Datatype):
            before, after = describe_type(a.dtype), describe_type(b.dtype)
            if before != after:
                yield Difference("type", Kind.DTYPE, f"{before} → {after}")

    def _members(self, name: str, a: Any, b: Any) -> tuple[list[Difference], list[tuple[str, Any, Any]]]:
        """Compare the links of two groups, and return the objects that both have."""
        left, right = (self._links(side, group) for side, group in enumerate((a, b)))
        prefix = name.rstrip("/")
        full = {f"{prefix}/{as_text(key)}": key for key in (*left, *right)}
        before, after = ([path for path, key in full.items() if key in links] for links in (left, right))
        names, lone = pair_up(before, after, "object", "objects")
        found, below = list(lone), []
        for path in names:
            key = full[path]
            if left[key] != right[key]:
                kind = Kind.TYPE if left[key].kind != right[key].kind else Kind.VALUE
                found.append(Difference(f"link {path}", kind, f"{left[key]} → {right[key]}"))
            elif left[key] == _OWN:
                below.append((path, self._member(0, a, key), self._member(1, b, key)))
        return found, below

    def _links(self, side: int, group: Any) -> dict[str, _Link]:
        with reading(self._paths[side]):
            links = {}
            for key in sorted(group):
                if key in _NO_NAMES or "/" in key:
                    raise ComparisonError(self._paths[side], f"has a link that is named {key!r}")
                link = group.get(key, getlink=True)
                if link is None:
                    raise ComparisonError(self._paths[side], f"the link {key!r} is damaged")
                links[key] = _describe_link(link)
            return links

    def _member(self, side: int, group: Any, key: str) -> Any:
        with reading(self._paths[side]):
            return group[key]

    def _address(self, side: int, found: Any) -> int:
        with reading(self._paths[side]):
            return int(h5py.h5o.get_info(found.id).addr)


def _describe_link(link: Any) -> _Link:
    if isinstance(link, h5py.HardLink):
        return _OWN
    if isinstance(link, h5py.SoftLink):
        return _Link("soft link", as_text(str(link.path)))
    return _Link("external link", as_text(f"{link.path} of {link.filename}"))


def _category(found: Any) -> str:
    if isinstance(found, h5py.Group):
        return "group"
    return "dataset" if isinstance(found, h5py.Dataset) else "named type"
