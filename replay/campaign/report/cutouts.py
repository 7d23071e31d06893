# SPDX-License-Identifier: Apache-2.0
"""Cut-outs: original, re-run and difference, where images of the worst quanta differ most."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ...comparators.base import ComparisonError
from ...comparators.difference import Kind
from .documents import Output
from .pictures import as_difference, as_image, scale_of
from .ranking import Ranked
from .stamps import Stamp, cut

__all__ = ("Cutout", "Panels", "cutouts_of")

_MOST = 6
_HDU = "HDU "
_OF_PIXELS = frozenset({Kind.VALUE, Kind.NAN, Kind.INF})


@dataclass(frozen=True)
class Panels:
    """Three pictures of one place.

    Attributes
    ----------
    original, remade, difference : `str`
        PNG, as ``data:`` URIs.
    place, before, after, unit : `str`
        Where the difference is largest, and the values there.
    low, high : `str`
        The ends of the difference's scale.
    left, top : `str`
        Where the largest difference is in the pictures, in per cent.
    """

    original: str
    remade: str
    difference: str
    place: str
    before: str
    after: str
    unit: str
    low: str
    high: str
    left: str
    top: str


@dataclass(frozen=True)
class Cutout:
    """An image of a quantum.

    Attributes
    ----------
    ranked : `Ranked`
        The quantum.
    dataset_type, hdu : `str`
    panels : `Panels` or `None`
    problem : `str`
        Why there are none.
    """

    ranked: Ranked
    dataset_type: str
    hdu: str
    panels: Panels | None
    problem: str = ""


def cutouts_of(ranked: Iterable[Ranked]) -> list[Cutout]:
    """Return cut-outs of the worst: each image of each task once, and again where there is room.

    Parameters
    ----------
    ranked : iterable of `Ranked`
        The worst first.
    """
    seen: Counter[tuple[str, str, str]] = Counter()
    first: list[tuple[Ranked, Output, str]] = []
    second: list[tuple[Ranked, Output, str]] = []
    for one in ranked:
        for output, hdu in _images(one):
            key = one.entry.task, output.dataset_type, hdu
            seen[key] += 1
            if seen[key] <= 2:
                (first if seen[key] == 1 else second).append((one, output, hdu))
        if len(first) >= _MOST:
            break
    return [_cutout(*chosen) for chosen in (first + second)[:_MOST]]


def _images(one: Ranked) -> Iterator[tuple[Output, str]]:
    found = {
        (output.dataset_type, leaf.path[0]): (output, leaf.path[0].removeprefix(_HDU))
        for output, leaf in one.leaves
        if leaf.path[-1:] == ("pixels",) and leaf.path[0].startswith(_HDU) and leaf.kind in _OF_PIXELS
    }
    yield from found.values()


def _cutout(one: Ranked, output: Output, hdu: str) -> Cutout:
    if not (output.original and output.remade):
        return Cutout(one, output.dataset_type, hdu, None, "only local files are drawn")
    try:
        stamp = cut(Path(output.original), Path(output.remade), hdu)
    except ComparisonError as err:
        return Cutout(one, output.dataset_type, hdu, None, str(err))
    return Cutout(one, output.dataset_type, hdu, _panels(stamp))


def _panels(stamp: Stamp) -> Panels:
    difference = stamp.difference
    rows, columns = difference.shape
    limit, beyond = scale_of(difference)
    return Panels(
        original=as_image(stamp.original, stamp.original),
        remade=as_image(stamp.remade, stamp.original),
        difference=as_difference(difference),
        place=f"({', '.join(map(str, stamp.place))})",
        before=stamp.before,
        after=stamp.after,
        unit=stamp.unit,
        low=f"{'≤ ' if beyond else ''}{-limit:.3g}",
        high=f"{'≥ ' if beyond else ''}+{limit:.3g}",
        left=f"{100 * (stamp.column + 0.5) / columns:.2f}",
        top=f"{100 * (rows - stamp.row - 0.5) / rows:.2f}",
    )
