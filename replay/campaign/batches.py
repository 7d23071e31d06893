# SPDX-License-Identifier: Apache-2.0
"""Quanta that one worker re-runs in one go: of one environment, and as far as can be of one task."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

from .definition import Planned

__all__ = ("MOST", "batches")

MOST = 32
"""Quanta of a batch: a worker keeps what it has warm from one to the next, and what is lost with one is little."""
_EACH = 4
"""Batches for each worker, if there is little to do: so that none waits long for the last."""


def batches(quanta: Iterable[Planned], workers: int) -> Iterator[list[Planned]]:
    """Yield batches of quanta.

    Parameters
    ----------
    quanta : iterable of `Planned`
        In any order.
    workers : `int`
        How many there are.
    """
    ordered = sorted(quanta, key=lambda one: (one.environment, one.task, one.attempt))
    size = max(1, min(MOST, -(-len(ordered) // (workers * _EACH))))
    for _, found in groupby(ordered, key=lambda one: one.environment):
        same = list(found)
        yield from (same[start : start + size] for start in range(0, len(same), size))
