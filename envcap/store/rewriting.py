# SPDX-License-Identifier: Apache-2.0
"""Writes packs anew: without the jobs that are to be forgotten, and many small ones as one."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence, Set

from ..errors import FormatError, StoreError
from ..ids import uuid7, uuid_bytes
from ..model.document import parse_json
from .batch import DIGEST, key_of
from .block import Block
from .index import Index
from .journal import Record, read_journal
from .local import PACKS, SCRATCH
from .pack import read_pack, written_pack
from .sealing import LIST, REPLACES, finish, put_in_place

__all__ = ("packs_to_rewrite", "records_of", "rewrite")

_SMALL = 1 << 20
_LARGEST = 64 << 20
_ATTEMPT = re.compile(rb'"(?:attempt|replay)":"([0-9a-f-]{36})"')
_MANY = 8
_ABOUT = {"manifest": "attempt", "result": "attempt", "verdict": "replay", "signature": "attempt", "note": "attempt"}
"""The member of a document that names the attempt it is about, by kind of record."""


def packs_to_rewrite(index: Index, forgotten: Set[bytes]) -> list[str]:
    """Return the packs that hold anything of a job which goes, and those that are small, if there are many of these.

    Whose journals are still being deleted stays as it is.
    """
    folder = os.path.join(index.store.root, PACKS)
    sizes = {
        name: index.store.size(name)
        for name in index.store.packs()
        if not os.path.lexists(os.path.join(folder, os.path.basename(name)) + LIST)
    }
    small = [name for name, size in sizes.items() if size < _SMALL]
    chosen = set(small if len(small) >= _MANY else ())
    if forgotten:
        chosen |= {name for name in sizes if _holds_any(index, name, forgotten)}
    return [name for name in sizes if name in chosen]


def _holds_any(index: Index, name: str, forgotten: Set[bytes]) -> bool:
    return any(
        uuid_bytes(found.decode("ascii")) in forgotten
        for record in _all_records(index, name)
        for found in _ATTEMPT.findall(record.data)
    )


def rewrite(index: Index, packs: Sequence[str], forgotten: Set[bytes]) -> None:
    """Write packs anew, several as one, and delete them.

    Whoever dies between the two has left a list of what is to be deleted: the next one finishes it (`finish`).

    Raises
    ------
    StoreError
        If it can't be written.
    """
    for group in _groups(index, packs):
        _rewrite_as_one(index, group, forgotten)
    if packs:
        index.refresh()


def _groups(index: Index, packs: Sequence[str]) -> Iterator[list[str]]:
    """Yield packs in groups: a pack that nobody reads because it is too large would be as good as lost."""
    group: list[str] = []
    size = 0
    for name in packs:
        length = index.store.size(name)
        if group and size + length > _LARGEST:
            yield group
            group, size = [], 0
        group.append(name)
        size += length
    if group:
        yield group


def _rewrite_as_one(index: Index, packs: Sequence[str], forgotten: Set[bytes]) -> None:
    root = index.store.root
    pack = f"{PACKS}/{uuid7()}"
    path = os.path.join(root, pack)
    try:
        with written_pack(path + SCRATCH) as writer:
            for name in packs:
                for record in records_of(index, name, forgotten):
                    writer.add(record.kind, record.data, record.seal)
        # One without any record is an empty file, which is a pack, too.
        put_in_place(root, pack, REPLACES, [os.path.basename(name) for name in packs])
        finish(root)
        if not writer.size:
            os.unlink(path)
    except OSError as err:
        raise StoreError(f"store {root}: can't write a pack: {err.strerror or err}") from err


def records_of(index: Index, name: str, forgotten: Set[bytes]) -> Iterator[Record]:
    """Yield the records of a pack or journal, without those of forgotten attempts.

    Raises
    ------
    StoreError
        If it can't be read.
    """
    for record in _all_records(index, name):
        if not forgotten or not _is_forgotten(index, record, forgotten):
            yield record


def _all_records(index: Index, name: str) -> Iterator[Record]:
    if not name.startswith(PACKS):
        yield from (one for one in read_journal(os.path.join(index.store.root, name)) if isinstance(one, Record))
        return
    with index.store.open(name) as stream:
        for block in read_pack(stream):
            if not isinstance(block, Block):
                raise StoreError(f"{index.store.root}/{name}: {block.reason}")
            yield from block


def _is_forgotten(index: Index, record: Record, forgotten: Set[bytes]) -> bool:
    if record.kind == "recipe":
        naming = [listed.id for listed in index.keyed(key_of(DIGEST, record.digest))]
        return bool(naming) and forgotten >= set(naming)
    member = _ABOUT.get(record.kind)
    if member is None:
        return False
    try:
        found = parse_json(record.data)
    except FormatError:
        return False
    attempt = found.get(member) if isinstance(found, dict) else None
    return isinstance(attempt, str) and uuid_bytes(attempt) in forgotten
