# SPDX-License-Identifier: Apache-2.0
"""Seals journals: what writers that are gone have left goes into a pack, and then the journals go.

A process that dies at any point of it leaves a store that is whole; the next one finishes what it had begun. The order:

1. the pack is written to a scratch file and synced;
2. the list of the journals that are in it is written beside it, and synced;
3. the scratch file is renamed: from here on the records are in the pack;
4. each journal is renamed, looked at again, and deleted. Whoever writes to a journal looks, after each record, whether
   it still stands in its place, and if not, writes the record anew elsewhere. So a record that came too late for the
   pack was written before the renaming, and is seen by that second look; or it is written anew.
5. the list is deleted.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Mapping, Sequence, Set
from contextlib import suppress
from functools import partial
from typing import NamedTuple

from ..digest import use_openssl
from ..errors import FormatError, StoreError
from ..ids import is_uuid
from ..model.document import parse_json
from ..model.manifest import Manifest
from .base import open_regular, sync_directories
from .batch import Batch
from .block import Block
from .journal import END, SEALED, Damage, Journal, Record, read_journal
from .local import PACKS, SCRATCH
from .pack import PackWriter, read_pack, written_pack
from .state import state_of

__all__ = (
    "LIST",
    "QUIET_S",
    "REPLACES",
    "SealedGroup",
    "SealedJournal",
    "clear",
    "finish",
    "listed_journals",
    "move",
    "put_in_place",
    "seal_group",
)

QUIET_S = 3600.0
"""How long a journal has not been written to, whose writer can't be asked, before it is sealed. Should it write again,
it begins another journal."""

REPLACES = ".replaces"
"""End of the name of the list of the packs that a pack was written instead of."""

LIST = ".journals"
"""End of the name of the list of a pack's journals."""

_GRACE_S = 600.0
_JOURNAL = re.compile(r"journal/\d{4}-\d\d-\d\d/[0-9a-f]{2}/[0-9a-f-]{36}")


class SealedJournal(NamedTuple):
    """How much of a journal, in bytes, is in a pack; and whether its writer is gone, or was only quiet."""

    size: int
    is_gone: bool


class SealedGroup(NamedTuple):
    """What became of a group of journals.

    Attributes
    ----------
    pack : `str`
        Name that the pack will have. It is a scratch file so far; there is none, if there were no records.
    size : `int`
        Its length in bytes; 0 if there is none.
    journals : `dict` [ `str`, `SealedJournal` ]
        The journals that are in it, by name.
    batch : `Batch`
        Its rows for the index.
    dropped : `dict` [ `str`, `int` ]
        Bytes of the torn tail of a journal: of a record whose writer died while it wrote.
    damaged : `list` [ `str` ]
        Journals that stay, since not all in them is whole.
    """

    pack: str
    size: int
    journals: dict[str, SealedJournal]
    batch: Batch
    dropped: dict[str, int]
    damaged: list[str]


def seal_group(root: str, names: Sequence[str], pack: str, source: int) -> SealedGroup:
    """Write the records of journals whose writers are gone into a scratch pack.

    Parameters
    ----------
    root : `str`
        The store's directory.
    names : sequence of `str`
        Journals.
    pack : `str`
        Name that the pack will have.
    source : `int`
        Id that the pack will have in the index.
    """
    use_openssl()
    group = SealedGroup(pack, 0, {}, Batch(source), {}, [])
    scratch = os.path.join(root, pack + SCRATCH)
    try:
        os.makedirs(os.path.dirname(scratch), exist_ok=True)
        with written_pack(scratch) as writer:
            for name in names:
                _seal(root, name, writer, group)
        if not writer.size:
            os.unlink(scratch)
    except OSError as err:
        raise StoreError(f"store {root}: can't write a pack: {err.strerror or err}") from err
    return group._replace(size=writer.size)


def _seal(root: str, name: str, writer: PackWriter, group: SealedGroup) -> None:
    path = os.path.join(root, name)
    try:
        modified = os.stat(path).st_mtime
        found = list(read_journal(path))
    except (OSError, StoreError):
        return  # another command, which says what can't be read, will look at it
    records = [one for one in found if isinstance(one, Record)]
    state = _state(records)
    is_gone = state == "lost"
    if state == "running" or (not is_gone and time.time() - modified < QUIET_S):
        return
    damage = [one for one in found if isinstance(one, Damage)]
    if any(not one.tail for one in damage):
        group.damaged.append(name)
        return
    if damage:
        group.dropped[name] = damage[-1].end - damage[-1].offset
    size = damage[-1].offset if damage else records[-1].end if records else 0
    group.journals[name] = SealedJournal(size, is_gone or not records)
    recipes: set[str] = set()
    for record in records:
        if record.kind == END or record.digest in recipes:
            continue
        if record.kind == "recipe":
            recipes.add(record.digest)
        position, number = writer.add(record.kind, record.data, record.seal)
        group.batch.take(Record(record.kind, record.digest, record.data, record.seal, position, position, number))


def _state(records: Sequence[Record]) -> str:
    """Return whether the process that wrote a journal is ``lost``, ``running``, or nobody knows (``unknown``).

    One that has said that it writes no more is as good as lost.
    """
    if any(record.kind == END for record in records):
        return "lost"
    for record in records:
        if record.kind == "manifest":
            with suppress(FormatError):
                return state_of(Manifest.from_bytes(record.data).writer)
    return "unknown"


def move(root: str, group: SealedGroup) -> None:
    """Move a group's pack into its place; from then on its records are in the store twice.

    There is none, if all its journals are empty; they may go.

    Raises
    ------
    StoreError
        If that can't be done.
    """
    if group.size:
        put_in_place(root, group.pack, LIST, group.journals)


def put_in_place(root: str, pack: str, ending: str, instead_of: object) -> None:
    """Give a pack, which is a scratch file, its name, once the list of what it stands for is there and synced.

    Raises
    ------
    StoreError
        If that can't be done.
    """
    path = os.path.join(root, pack)
    try:
        with open(path + ending, "x", encoding="utf-8") as stream:
            json.dump(instead_of, stream)
            stream.flush()
            os.fsync(stream.fileno())
        sync_directories(os.path.dirname(path), root)
        os.rename(path + SCRATCH, path)
        sync_directories(os.path.dirname(path), root)
    except OSError as err:
        raise StoreError(f"store {root}: can't write a pack: {err.strerror or err}") from err


def clear(
    root: str, pack: str, journals: Mapping[str, SealedJournal], known: Callable[[], Set[str]] | None = None
) -> None:
    """Delete the journals that are in a pack, and then their list.

    One whose writer was only quiet stays for a while under its new name: on a network's file system, that writer may
    learn late that it was renamed.

    Parameters
    ----------
    root : `str`
        The store's directory.
    pack : `str`
        Name of the pack.
    journals : mapping
    known : callable, optional
        Returns the digests of what is in the pack, where only a list says what that is: it may be anybody's, and a
        journal may be another than when it was written.

    Raises
    ------
    StoreError
        If that can't be done.
    """
    late = Journal(root)
    listed = os.path.join(root, pack) + LIST
    digests = known() if known is not None else None
    try:
        is_listed = os.path.lexists(listed)
        is_settled = is_listed and time.time() - os.stat(listed).st_mtime > _GRACE_S
        cleared = [
            _clear(os.path.join(root, name), journal, late, digests, is_settled=is_settled)
            for name, journal in journals.items()
        ]
        late.close()
        if is_listed and all(cleared):
            os.unlink(listed)
    except OSError as err:
        raise StoreError(f"store {root}: can't delete sealed journals: {err.strerror or err}") from err


def _clear(path: str, journal: SealedJournal, late: Journal, known: Set[str] | None, *, is_settled: bool) -> bool:
    """Delete one journal, if it is time, and return whether it is gone."""
    try:
        os.rename(path, path + SEALED)
    except FileNotFoundError:
        if not os.path.lexists(path + SEALED):
            return True
    records = read_journal(path + SEALED, journal.size if known is None else 0)
    found = [one for one in records if isinstance(one, Record) and one.kind != END and one.digest not in (known or ())]
    if found:
        late.adopt(*((record.kind, record.data, record.seal) for record in found))
        late.close()
    if not journal.is_gone and not is_settled:
        return False
    os.unlink(path + SEALED)
    return True


def _read_list(path: str) -> dict[str, SealedJournal]:
    """Return a list of journals. It may be anybody's, and what it names is deleted: nothing but a journal passes."""
    try:
        with open_regular(path) as stream:
            found = parse_json(stream.read())
        journals = {str(name): SealedJournal(int(size), bool(gone)) for name, (size, gone) in found.items()}
    except (AttributeError, FormatError, TypeError, ValueError):
        journals = {"": SealedJournal(0, False)}
    if not all(_JOURNAL.fullmatch(name) and facts.size >= 0 for name, facts in journals.items()):
        raise StoreError(f"{path}: no list of journals; delete it")
    return journals


def listed_journals(root: str) -> set[str]:
    """Return the names of the journals that some pack's list has.

    Raises
    ------
    StoreError
        If a list is none.
    """
    folder = os.path.join(root, PACKS)
    lists = [name for name in os.listdir(folder) if name.endswith(LIST)] if os.path.isdir(folder) else ()
    return {journal for name in lists for journal in _read_list(os.path.join(folder, name))}


def finish(root: str) -> None:
    """Finish what a process that died had begun.

    Raises
    ------
    StoreError
        If that can't be done.
    """
    folder = os.path.join(root, PACKS)
    try:
        names = sorted(os.listdir(folder)) if os.path.isdir(folder) else ()
        for name in names:
            if name.endswith(REPLACES):
                _finish_replacing(folder, name)
                continue
            pack = name.removesuffix(LIST)
            if name == pack or not is_uuid(pack):
                continue
            listed = os.path.join(folder, name)
            if os.path.lexists(os.path.join(folder, pack)):
                # What it lists may be a journal that stayed for a while: then its list stays, too.
                clear(root, f"{PACKS}/{pack}", _read_list(listed), partial(_digests, os.path.join(folder, pack)))
            else:
                os.unlink(listed)
    except OSError as err:
        raise StoreError(f"store {root}: can't finish what was begun: {err.strerror or err}") from err


def _digests(pack: str) -> set[str]:
    with open_regular(pack) as stream:
        return {record.digest for block in read_pack(stream) if isinstance(block, Block) for record in block}


def _finish_replacing(folder: str, name: str) -> None:
    """Delete the packs that another one was written instead of, if that one is there."""
    path = os.path.join(folder, name)
    try:
        with open_regular(path) as stream:
            packs = parse_json(stream.read())
        if not all(is_uuid(pack) for pack in packs):
            raise FormatError("no list of packs")
    except (FormatError, AttributeError, TypeError) as err:
        raise StoreError(f"{path}: no list of packs; delete it") from err
    if os.path.lexists(path.removesuffix(REPLACES)):
        for pack in packs:
            if os.path.lexists(os.path.join(folder, pack)):
                os.unlink(os.path.join(folder, pack))
    os.unlink(path)
