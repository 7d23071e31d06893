# SPDX-License-Identifier: Apache-2.0
"""The tree of differences that comparators return, and the pieces that they build it from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from envcap.printable import printable

from .paths import SEPARATOR, covers

__all__ = (
    "Difference",
    "Kind",
    "Leaf",
    "Measures",
    "brief",
    "changed",
    "grouped",
    "pair_up",
    "transition",
    "unique_names",
)

Measures = Mapping[str, str | int]
"""Machine-readable figures: floats as `repr` strings, since stored documents carry no floats."""

_BRIEF = 60


class Kind(StrEnum):
    """How two things differ: the closed set of words that a policy knows."""

    GROUP = "group"
    """A container (an HDU, an array of an archive); its children are the differences."""
    MISSING = "missing"
    """Only in the original: an HDU, a column, a key, an item."""
    EXTRA = "extra"
    """Only in the re-made file."""
    VALUE = "value"
    """Finite numbers, texts, flags; +0.0 against -0.0 counts too."""
    NAN = "nan"
    """NaN (or NaT) in one of the two only."""
    INF = "inf"
    """An infinity against anything else that is a number."""
    NULL = "null"
    """Null in one of the two only."""
    DTYPE = "dtype"
    """Type of the elements of an array or column, or whether they may be null."""
    SHAPE = "shape"
    """Shape, number of rows, or length."""
    UNIT = "unit"
    """Physical unit of a column or an image."""
    ORDER = "order"
    """The same things in another order."""
    CARD = "card"
    """A FITS header card: changed, missing or extra (see the measure ``change``)."""
    METADATA = "metadata"
    """A key of a table's metadata: changed, missing or extra (see the measure ``change``)."""
    TYPE = "type"
    """What a thing is: a file's format, an HDU's class, a JSON value's type."""
    BYTES = "bytes"
    """Bytes of a file that nothing finer understands."""


class Leaf(NamedTuple):
    """A difference without children, and where it was found."""

    path: tuple[str, ...]
    """The ``where`` of every level, outermost first, the leaf's own last."""
    difference: Difference

    def __str__(self) -> str:
        return printable(f"{SEPARATOR.join(self.path)}: {self.difference.detail}", "")

    def to_json(self) -> dict[str, Any]:
        """Return the leaf as a JSON-able document."""
        return {**self.difference.to_json(), "path": list(self.path)}


@dataclass(frozen=True)
class Difference:
    """A node in the tree of what differs between two files.

    Raises
    ------
    ValueError
        Raised if a `Kind.GROUP` has no children, or another kind has some: only leaves are judged.
    """

    where: str
    """What differs, relative to the parent: ``HDU IMAGE``, ``card EXPTIME``, ``$.a.b[3]``."""
    kind: Kind
    detail: str
    """One readable line: how it differs, original first."""
    measures: Measures = field(default_factory=dict)
    children: tuple[Difference, ...] = ()

    def __post_init__(self) -> None:
        if (self.kind is Kind.GROUP) != bool(self.children):
            raise ValueError(f"{self.where}: a difference has children exactly if it is a group")

    def leaves(self) -> Iterator[Leaf]:
        """Iterate over the differences that have no children, depth first."""
        if not self.children:
            yield Leaf((self.where,), self)
        for child in self.children:
            for leaf in child.leaves():
                yield Leaf((self.where, *leaf.path), leaf.difference)

    def find(self, pattern: str) -> Iterator[Leaf]:
        """Iterate over the leaves that a pattern names, or that are in what it names.

        Parameters
        ----------
        pattern : `str`
            As for `replay.comparators.paths.covers`.
        """
        return (leaf for leaf in self.leaves() if covers(pattern, leaf.path))

    def to_json(self) -> dict[str, Any]:
        """Return the tree as a JSON-able document without floats."""
        document: dict[str, Any] = {
            "where": self.where,
            "kind": self.kind.value,
            "detail": self.detail,
            "measures": dict(self.measures),
        }
        if self.children:
            document["children"] = [child.to_json() for child in self.children]
        return document

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Difference:
        """Read back what `to_json` returned."""
        children = tuple(cls.from_json(child) for child in document.get("children", ()))
        kind = Kind(document["kind"])
        return cls(document["where"], kind, document["detail"], document["measures"], children)


def grouped(where: str, children: Iterable[Difference]) -> tuple[Difference, ...]:
    """Put differences under one node, or return nothing if there are none."""
    found = tuple(children)
    if not found:
        return ()
    count = sum(1 for child in found for _ in child.leaves())
    return (Difference(where, Kind.GROUP, f"{count} difference{'s' * (count != 1)}", children=found),)


def pair_up(
    original: Iterable[str], remade: Iterable[str], noun: str, plural: str
) -> tuple[list[str], tuple[Difference, ...]]:
    """Pair named things, whatever their order.

    Parameters
    ----------
    original, remade : `~collections.abc.Iterable` [ `str` ]
        Names, each unique on its side.
    noun, plural : `str`
        What is named: ``HDU`` and ``HDUs``.

    Returns
    -------
    common : `list` [ `str` ]
        The names on both sides, in the original's order.
    differences : `tuple` [ `Difference`, ... ]
        What is missing, what is extra, and whether the common ones changed order.
    """
    left, right = dict.fromkeys(original), dict.fromkeys(remade)
    found = [
        Difference(f"{noun} {name}", Kind.MISSING, f"{noun} {name} is missing in the re-made file")
        for name in left
        if name not in right
    ]
    found += [
        Difference(f"{noun} {name}", Kind.EXTRA, f"{noun} {name} is only in the re-made file")
        for name in right
        if name not in left
    ]
    before = [name for name in left if name in right]
    after = [name for name in right if name in left]
    if before != after:
        moved = [pair for pair in zip(before, after, strict=True) if pair[0] != pair[1]]
        was, now = (brief(", ".join(names)) for names in zip(*moved, strict=True))
        found.append(Difference(plural, Kind.ORDER, f"{plural} in another order: {was} → {now}"))
    return before, tuple(found)


def unique_names(names: Iterable[str]) -> list[str]:
    """Tell repeated names apart: the second ``a`` becomes ``a#2``."""
    seen: Counter[str] = Counter()
    unique = []
    for name in names:
        seen[name] += 1
        unique.append(name if seen[name] == 1 else f"{name}#{seen[name]}")
    return unique


def changed(
    kind: Kind,
    where: str,
    name: str,
    original: str | None,
    remade: str | None,
    figures: Measures | None = None,
) -> Difference:
    """Describe a named entry (a card, a metadata key, a unit) that is not the same on both sides.

    Parameters
    ----------
    kind : `Kind`
        `Kind.CARD`, `Kind.METADATA` or `Kind.UNIT`.
    where : `str`
        Where it stands.
    name : `str`
        The name that a policy matches; kept as the measure ``name``.
    original, remade : `str` or `None`
        The values as text; `None` where the entry does not exist.
    figures : `~collections.abc.Mapping` [ `str`, `str` | `int` ], optional
        More measures, such as how far two numbers are apart.

    Returns
    -------
    difference : `Difference`
        With the measures ``name``, ``change`` (value, missing or extra), ``original`` and ``remade``.
    """
    if original is None:
        change, detail = "extra", f"only in the re-made file: {brief(remade or '')}"
    elif remade is None:
        change, detail = "missing", f"missing in the re-made file; was {brief(original)}"
    else:
        change, detail = "value", transition(original, remade)
    measures: dict[str, str | int] = {"name": name, "change": change, **(figures or {})}
    measures |= {"original": original} if original is not None else {}
    measures |= {"remade": remade} if remade is not None else {}
    return Difference(where, kind, f"{name} {detail}", measures)


def brief(text: str) -> str:
    """Put a text on one line of at most 60 characters."""
    text = " ".join(text.split())
    return text if len(text) <= _BRIEF else f"{text[: _BRIEF - 1]}…"


def transition(original: str, remade: str) -> str:
    """Show two texts that differ as ``original → remade``, each cut to the part where they do."""
    pairs = enumerate(zip(original, remade, strict=False))
    same = next((i for i, (x, y) in pairs if x != y), min(len(original), len(remade)))
    start = max(0, same - _BRIEF // 3) if max(len(original), len(remade)) > _BRIEF else 0
    lead = "…" if start else ""
    return f"{lead}{brief(original[start:])} → {lead}{brief(remade[start:])}"
