# SPDX-License-Identifier: Apache-2.0
"""Tidies a store: objects that nothing names, what writers that died have left, small packs, and jobs to be forgotten.

Nothing goes that a job may be about to name. An object that a job finds in the store is made young again (as git does
it), so an old one is one that no job has asked for since; and only old ones go.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Collection, Iterator, Set
from typing import NamedTuple

from .index import Index
from .journal import SEALED, Journal, Record, read_journal
from .local import SCRATCH, LocalStore
from .rewriting import packs_to_rewrite, records_of, rewrite
from .sealing import listed_journals

__all__ = ("OLD_S", "Garbage", "collect_garbage")

OLD_S = 14 * 86400.0
"""How long an object has not been asked for that may go, in seconds."""

_SCRATCH_OLD_S = 86400.0
_NAMED = re.compile(rb"sha256:([0-9a-f]{64})")


class Garbage(NamedTuple):
    """What goes, or would go.

    Attributes
    ----------
    attempts : `int`
        Jobs that are forgotten.
    packs : `int`
        Packs that are written anew, as one.
    objects, size : `int`
        Objects that nothing names, and their bytes.
    scratch : `int`
        Files that writers which died have left.
    kept : `str` or `None`
        Why nothing but scratch files goes.
    """

    attempts: int
    packs: int
    objects: int
    size: int
    scratch: int
    kept: str | None


def collect_garbage(
    index: Index, forgotten: Set[bytes], *, dry_run: bool, advance: Callable[[int, int], None]
) -> Garbage:
    """Tidy a store, whose lock the caller holds.

    Parameters
    ----------
    index : `Index`
        Up to date.
    forgotten : set of `bytes`
        Ids of the attempts that go; only such as are in packs.
    dry_run : `bool`
        Say what would go, and leave it.
    advance : callable
        Given how many bytes of packs and journals were read, and of how many.

    Raises
    ------
    StoreError
        If the store can't be read, or written to.
    """
    store = index.store
    scratch = list(_scratch(store.root))
    damaged = [*index.unreadable, *(f"{path}: {found.reason}" for path, found in index.damage() if not found.tail)]
    if not dry_run:
        for path in scratch:
            _clear_scratch(path, store)
    if damaged:
        return Garbage(0, 0, 0, 0, len(scratch), f"not all is whole, so nobody knows what is needed: {damaged[0]}")
    packs = packs_to_rewrite(index, forgotten)
    named = _named(store, packs, index, forgotten, advance)
    if not dry_run:
        rewrite(index, packs, forgotten)
    objects = [found for found in _old_objects(store) if found[0] not in named]
    if not dry_run:
        for _, path, _ in objects:
            # A job may have asked for it meanwhile.
            if os.stat(path).st_mtime < time.time() - OLD_S:
                os.unlink(path)
    return Garbage(len(forgotten), len(packs), len(objects), sum(size for *_, size in objects), len(scratch), None)


def _named(
    store: LocalStore,
    rewritten: Collection[str],
    index: Index,
    forgotten: Set[bytes],
    advance: Callable[[int, int], None],
) -> set[bytes]:
    """Return the digests that documents name, of objects that are in the store."""
    there = {digest.encode("ascii")[7:] for digest in store.list()}
    found: set[bytes] = set()
    names = [*store.packs(), *store.journals()]
    sizes = [store.size(name) for name in names]
    done, whole = 0, sum(sizes)
    for name, size in zip(names, sizes, strict=True):
        # Of a pack that is not written anew, nothing goes.
        for record in records_of(index, name, forgotten if name in rewritten else frozenset()):
            found.update(digest for digest in _NAMED.findall(record.data) if digest in there)
        done += size
        advance(done, whole)
    waiting = list(found)
    while waiting:
        data = store.get("sha256:" + waiting.pop().decode("ascii"))
        new = {digest for digest in _NAMED.findall(data) if digest in there} - found
        found |= new
        waiting.extend(new)
    return found


def _old_objects(store: LocalStore) -> Iterator[tuple[bytes, str, int]]:
    """Yield the hexadecimal digits, path and size in bytes of objects that no job has asked for in a while."""
    before = time.time() - OLD_S
    for digest in store.list():
        path = store.object_path(digest)
        state = os.stat(path)
        if state.st_mtime < before:
            yield digest.encode("ascii")[7:], path, state.st_size


def _scratch(root: str) -> Iterator[str]:
    """Yield the scratch files of writers that died."""
    before = time.time() - _SCRATCH_OLD_S
    # Those of a pack whose list is still there are in it, and go with the list.
    listed = {os.path.join(root, name) + SEALED for name in listed_journals(root)}
    for folder, _, names in os.walk(root):
        for name in names:
            path = os.path.join(folder, name)
            if name.endswith((SCRATCH, SEALED)) and path not in listed and os.lstat(path).st_ctime < before:
                yield path


def _clear_scratch(path: str, store: LocalStore) -> None:
    if path.endswith(SEALED):
        # Whoever sealed it died before it could look for late records.
        found = [one for one in read_journal(path) if isinstance(one, Record)]
        if found:
            journal = Journal(store.root)
            journal.adopt(*((record.kind, record.data, record.seal) for record in found))
            journal.close()
    os.unlink(path)
