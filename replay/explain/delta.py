# SPDX-License-Identifier: Apache-2.0
"""Delta debugging: the least part of some changes that still has an effect.

The algorithm is ``ddmin`` of A. Zeller and R. Hildebrandt, Simplifying and isolating failure-inducing input, IEEE
Transactions on Software Engineering 28 (2002) 183, figure 5.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TypeVar

__all__ = ("minimise",)

T = TypeVar("T")


def minimise(items: Sequence[T], has_effect: Callable[[Sequence[T]], bool]) -> list[T]:
    """Return a least part of some items: without any one of them, the effect is gone.

    Parameters
    ----------
    items : sequence
        All together have the effect, nothing at all has none.
    has_effect : callable
        Takes some of the items, in order. Where it can't be told, it returns `False`.

    Returns
    -------
    part : `list`
        In order.
    """
    part, pieces = list(items), 2
    while len(part) > 1:
        chunks = _split(part, pieces)
        smaller = next((chunk for chunk in chunks if has_effect(chunk)), None)
        if smaller is not None:
            part, pieces = smaller, 2
            continue
        rests = [[item for item in part if item not in chunk] for chunk in chunks] if pieces > 2 else []
        rest = next((rest for rest in rests if has_effect(rest)), None)
        if rest is not None:
            part, pieces = rest, pieces - 1
        elif pieces == len(part):
            break
        else:
            pieces = min(len(part), 2 * pieces)
    return part


def _split(items: list[T], pieces: int) -> list[list[T]]:
    """Return items in pieces that are as equal in size as can be."""
    size, larger = divmod(len(items), pieces)
    bounds = [number * size + min(number, larger) for number in range(pieces + 1)]
    return [items[begin:end] for begin, end in pairwise(bounds)]
