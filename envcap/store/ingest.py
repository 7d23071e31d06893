# SPDX-License-Identifier: Apache-2.0
"""Brings a store in order after jobs: seals journals into packs, and brings the index up to date with both."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import NamedTuple

from ..errors import StoreError
from ..ids import uuid7
from .database import WRITES, Database
from .index import Index
from .local import PACKS, SCRATCH, LocalStore
from .lock import only_one
from .reading import write_batch
from .sealing import SealedGroup, clear, finish, move, seal_group
from .tidy import refuse_links, remove_empty_days

__all__ = ("Ingested", "ingest")

_GROUP_BYTES = 48 << 20
"""Size of the journals that go into one pack: a few megabytes packed, some thousand jobs."""

_ALONE_BYTES = 8 << 20
"""Below that, starting other processes takes longer than the work."""


class Ingested(NamedTuple):
    """What was done.

    Attributes
    ----------
    packs, journals, records : `int`
        Packs that were written, the journals that are in them, and records that the index gained.
    dropped : `dict` [ `str`, `int` ]
        Bytes at the end of a journal of a record whose writer died while it wrote.
    damaged : `list` [ `str` ]
        Journals that were not sealed, since not all in them is whole.
    """

    packs: int
    journals: int
    records: int
    dropped: dict[str, int]
    damaged: list[str]


def ingest(
    store: LocalStore, wait: Callable[[], None], advance: Callable[[int, int], None], workers: int | None = None
) -> tuple[Index, Ingested]:
    """Seal what can be sealed, and return the index, up to date.

    It may be ended at any time: the next one goes on. Another one that runs meanwhile is waited for.

    Parameters
    ----------
    store : `LocalStore`
    wait : callable
        Called if another one is waited for.
    advance : callable
        Given how many bytes of journals have been looked at, and of how many, as that goes on.
    workers : `int`, optional
        How many processes pack; by default as many as there are processors for this one.

    Raises
    ------
    StoreError
        If the store can't be written to.
    """
    with only_one(store.root, wait):
        refuse_links(store.root)
        finish(store.root)
        index = Index(store, refresh=False)
        index.change(_forget_reservations)
        total = Ingested(0, 0, 0, {}, [])
        sizes = _sizes(store)
        done, whole = 0, sum(sizes.values())
        count = workers or len(os.sched_getaffinity(0))
        for names, group in _sealed(index, list(_groups(sizes)), count if whole > _ALONE_BYTES else 0):
            total = _moved(index, group, total)
            done += sum(sizes[name] for name in names)
            advance(done, whole)
        remove_empty_days(store.root)
        index.refresh()
        return index, total._replace(records=total.records + index.new_records)


def _forget_reservations(database: Database) -> None:
    """Forget the ids of packs that a process which died did not come to write."""
    database.execute("DELETE FROM sources WHERE path LIKE ?", [(f"%{SCRATCH}",)])


def _sizes(store: LocalStore) -> dict[str, int]:
    found = {}
    for name in store.journals():
        with suppress(StoreError):  # the index will say what can't be read
            found[name] = store.size(name)
    return found


def _groups(sizes: Mapping[str, int]) -> Iterator[list[str]]:
    """Yield journals in groups, each of which makes a pack."""
    names: list[str] = []
    length = 0
    for name, size in sizes.items():
        names.append(name)
        length += size
        if length >= _GROUP_BYTES:
            yield names
            names, length = [], 0
    if names:
        yield names


def _sealed(index: Index, groups: Sequence[list[str]], workers: int) -> Iterator[tuple[list[str], SealedGroup]]:
    """Yield groups as they are sealed."""
    root = index.store.root
    if not workers:
        yield from ((names, seal_group(root, names, *_reserved(index))) for names in groups)
        return
    from .parallel import sealed_in_processes

    yield from sealed_in_processes(root, groups, workers, partial(_reserved, index))


def _reserved(index: Index) -> tuple[str, int]:
    """Return the name of a new pack and its id in the index, which knows it as one that isn't there yet."""
    name = f"{PACKS}/{uuid7()}"
    source = 0

    def reserve(database: Database) -> None:
        nonlocal source
        source = int(database.query("SELECT COALESCE(MAX(id), 0) FROM sources")[0][0]) + 1
        database.write(WRITES["sources"], [(source, name + SCRATCH, 0)])

    if not index.is_in_memory:
        index.change(reserve)
    return name, source


def _write(database: Database, group: SealedGroup) -> None:
    """Write what the index says of a pack, if its id is still reserved; else the pack is read as any other."""
    reserved = (group.batch.source, group.pack + SCRATCH)
    if database.query("SELECT id FROM sources WHERE id = ? AND path = ?", reserved):
        database.execute("UPDATE sources SET path = ? WHERE id = ?", [(group.pack, group.batch.source)])
        write_batch(database, group.batch)


def _moved(index: Index, group: SealedGroup, total: Ingested) -> Ingested:
    """Move a group's pack into its place, write what the index says of it, and delete its journals."""
    if group.journals:
        move(index.store.root, group)
        # An index that had to go to memory meanwhile has other ids; it reads the pack itself.
        if group.batch.records and not index.is_in_memory:
            index.change(lambda database: _write(database, group))
        clear(index.store.root, group.pack, group.journals)
    return Ingested(
        total.packs + bool(group.size),
        total.journals + len(group.journals),
        total.records + group.batch.records,
        {**total.dropped, **group.dropped},
        [*total.damaged, *group.damaged],
    )
