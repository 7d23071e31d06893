# SPDX-License-Identifier: Apache-2.0
"""How long the originals took, as a store has it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from envcap.errors import EnvcapError
from envcap.store.index import Index

from ..entry import Entry
from .documents import number, seconds_of

__all__ = ("original_seconds",)

_PER_TASK = 100
"""A median needs no more, and each costs a lookup."""
_SLOWEST = 12


def original_seconds(index: Index, entries: Sequence[Entry]) -> dict[str, float]:
    """Return how long originals ran, by attempt: of some of each task, and of the slowest re-runs."""
    taken: Counter[str] = Counter()
    chosen = {entry.attempt: None for entry in sorted(entries, key=seconds_of, reverse=True)[:_SLOWEST]}
    for entry in entries:
        taken[entry.task] += 1
        if taken[entry.task] <= _PER_TASK:
            chosen[entry.attempt] = None
    found = {attempt: _seconds(index, attempt) for attempt in chosen}
    return {attempt: seconds for attempt, seconds in found.items() if seconds is not None}


def _seconds(index: Index, attempt: str) -> float | None:
    try:
        result = index.load(attempt).result
    except EnvcapError:
        return None  # it isn't in this store, or damaged: then nothing is known of it
    return None if result is None else number(result.resources.get("wall_s"))
