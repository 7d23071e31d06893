# SPDX-License-Identifier: Apache-2.0
"""A sample of quanta: the same for the same name, and with every stratum in it."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from typing import TypeVar

from envcap.digest import sha256_hex
from envcap.errors import UsageError

from .definition import Planned

__all__ = ("STRATA", "sampled", "shares")

STRATA = ("task", "environment", "cpu", "node")
"""By what a sample may be stratified."""

_K = TypeVar("_K", bound=Hashable)


def sampled(quanta: Sequence[Planned], count: int, by: Sequence[str], seed: str) -> list[Planned]:
    """Return a sample, in the order of the quanta.

    Parameters
    ----------
    quanta : sequence of `Planned`
    count : `int`
        How many; all, if there are no more.
    by : sequence of `str`
        Of `STRATA`. Each stratum has at least one quantum in the sample, and else its share.
    seed : `str`
        With another one, it is another sample.

    Raises
    ------
    UsageError
        If there are more strata than quanta asked for.
    """
    if count >= len(quanta):
        return list(quanta)
    strata: dict[tuple[str, ...], list[Planned]] = defaultdict(list)
    for one in quanta:
        strata[tuple(getattr(one, name) for name in by)].append(one)
    if len(strata) > count:
        raise UsageError(
            f"--sample {count}: by {', '.join(by)} there are {len(strata)} strata, and each needs a quantum"
        )
    chosen: set[str] = set()
    for key, size in shares({key: len(found) for key, found in strata.items()}, count).items():
        lowest = heapq.nsmallest(size, strata[key], key=lambda one: sha256_hex(f"{seed}\n{one.quantum}".encode()))
        chosen |= {one.attempt for one in lowest}
    return [one for one in quanta if one.attempt in chosen]


def shares(sizes: Mapping[_K, int], count: int) -> dict[_K, int]:
    """Return how many of each stratum a sample has: one, and the rest by the method of Sainte-Laguë.

    Parameters
    ----------
    sizes : mapping
        Of the strata; together at least `count`, which is at least their number.
    count : `int`
    """
    found = dict.fromkeys(sizes, 1)
    waiting = [(-size / 3, number, key) for number, (key, size) in enumerate(sizes.items()) if size > 1]
    heapq.heapify(waiting)
    for _ in range(count - len(found)):
        _, number, key = heapq.heappop(waiting)
        found[key] += 1
        if found[key] < sizes[key]:
            heapq.heappush(waiting, (-sizes[key] / (2 * found[key] + 1), number, key))
    return found
