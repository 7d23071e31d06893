# SPDX-License-Identifier: Apache-2.0
"""Fills a store with synthetic jobs, as processes leave them: each has a journal of its own, and says when it ends."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from envcap.store.journal import Journal
from envcap.store.local import LocalStore

from .synthetic import STRETCH, SyntheticJob

__all__ = ("fill",)


def fill(store: LocalStore, jobs: Iterable[SyntheticJob]) -> Iterator[SyntheticJob]:
    """Write jobs, `STRETCH` in a journal, and yield each once its journal is there whole."""
    waiting = iter(jobs)
    while stretch := list(islice(waiting, STRETCH)):
        journal = Journal(store.root)
        for job in stretch:
            journal.adopt(*job.records)
        journal.close()
        yield from stretch
