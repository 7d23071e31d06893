# SPDX-License-Identifier: Apache-2.0
"""Reads every file of a store and holds it against its digests, whatever the index says."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

from ..errors import EnvcapError, FormatError
from .block import Block
from .journal import Record, read_journal
from .local import LocalStore
from .pack import read_pack

__all__ = ("problems_of",)


def problems_of(store: LocalStore, advance: Callable[[int, int], None]) -> Iterator[str]:
    """Yield what is wrong with packs, journals and objects, one line each; a torn tail may yet become a record.

    Parameters
    ----------
    store : `LocalStore`
    advance : callable
        Given how many files were read, and of how many.
    """
    checks: list[tuple[Callable[[LocalStore, str], Iterator[str]], str]] = []
    try:
        checks += [(_pack, name) for name in store.packs()]
        checks += [(_journal, name) for name in store.journals()]
        checks += [(_object, digest) for digest in store.list()]
    except EnvcapError as err:
        yield str(err)
    for done, (check, name) in enumerate(checks, 1):
        try:
            yield from check(store, name)
        except EnvcapError as err:
            yield str(err)
        except OSError as err:
            yield f"{os.path.join(store.root, name)}: {err.strerror or err}"
        advance(done, len(checks))


def _pack(store: LocalStore, name: str) -> Iterator[str]:
    with store.open(name) as stream:
        for found in read_pack(stream):
            if not isinstance(found, Block):
                yield _told(store, name, found.offset, found.end, found.reason)
                continue
            for number in range(len(found)):
                try:
                    found.record(number)
                except FormatError as err:
                    yield _told(store, name, found.offset, found.end, str(err))


def _journal(store: LocalStore, name: str) -> Iterator[str]:
    for found in read_journal(os.path.join(store.root, name)):
        if not isinstance(found, Record) and not found.tail:
            yield _told(store, name, found.offset, found.end, found.reason)


def _object(store: LocalStore, digest: str) -> Iterator[str]:
    store.get(digest)
    yield from ()


def _told(store: LocalStore, name: str, start: int, stop: int, reason: str) -> str:
    return f"{os.path.join(store.root, name)}: bytes {start} to {stop}: {reason}"
