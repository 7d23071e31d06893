# SPDX-License-Identifier: Apache-2.0
"""Reads what journals and packs gained into the index."""

from __future__ import annotations

import os
from collections.abc import Sequence

from ..errors import FormatError, StoreError
from .batch import Batch
from .block import Block
from .database import WRITES, Database, DatabaseBrokenError
from .journal import Damage, read_journal
from .local import PACKS, SCRATCH, LocalStore
from .pack import read_pack

__all__ = ("NewRecords", "batch_of_pack", "known_sources", "write_batch")

_PER_TRANSACTION = 6000
"""Records, after which others may write."""

_MISSED = -1
"""How far a journal was read that is gone, and still needed."""

_NEEDED = (
    "SELECT source FROM attempts WHERE number IS NULL UNION "
    "SELECT result_source FROM attempts WHERE result_number IS NULL"
)


def known_sources(database: Database) -> dict[str, tuple[int, int]]:
    """Return id, and up to where it was read, of each file that the index knows, by its name.

    Raises
    ------
    DatabaseBrokenError
        If the index holds what was never written to it.
    """
    found = {}
    for path, number, read_to in database.query("SELECT path, id, read_to FROM sources"):
        if not (isinstance(path, str) and type(number) is int and type(read_to) is int):
            raise DatabaseBrokenError("it holds what was never written to it")
        found[path] = (number, read_to)
    return found


def write_batch(database: Database, batch: Batch) -> None:
    """Write the rows of a batch, in the order of their keys: neighbours are written together."""
    for name, rows in batch.rows.items():
        if rows:
            database.write(WRITES[name], sorted(rows) if name == "keys" else rows)


def batch_of_pack(store: LocalStore, name: str, source: int) -> Batch:
    """Return the rows of a pack.

    Raises
    ------
    StoreError
        If it can't be read.
    """
    batch = Batch(source)
    try:
        with store.open(name) as stream:
            for found in read_pack(stream):
                if isinstance(found, Block):
                    _take_block(batch, found)
                else:
                    batch.damaged(found)
    except OSError as err:
        raise StoreError(f"{os.path.join(store.root, name)}: {err.strerror or err}") from err
    return batch


class NewRecords:
    """What an index doesn't have yet.

    Attributes
    ----------
    count : `int`
        Records that were read.
    unreadable : `list` [ `str` ]
    torn : `list` [ `tuple` [ `str`, `Damage` ] ]
        Tails of journals that may yet become records.
    """

    def __init__(self, store: LocalStore, database: Database) -> None:
        self._store = store
        self._database = database
        self.count = 0
        self.unreadable: list[str] = []
        self.torn: list[tuple[str, Damage]] = []
        self._went = False

    def read(self, *, is_again: bool = False) -> None:
        """Read it. Where there is nothing new, nothing is locked."""
        self.unreadable.clear()
        self.torn.clear()
        known = known_sources(self._database)
        # Journals first: what goes into a pack meanwhile is then in the packs that are listed afterwards.
        journals = self._listed_journals()
        packs = self._listed_packs()
        waiting = [name for name in packs if name not in known]
        waiting += [name for name, size in journals.items() if size > known.get(name, (0, 0))[1]]
        while waiting:
            with self._database.writing():
                waiting = self._read_some(waiting)
        if self._went and not is_again:
            # An ingest has moved what was listed as a journal into a pack that was not there yet.
            self.read(is_again=True)
        gone = [name for name in known if name not in journals and name not in packs and not name.endswith(SCRATCH)]
        # What can't be listed is not gone.
        if gone and not self.unreadable:
            self._forget(gone)

    def _listed_journals(self) -> dict[str, int]:
        found: dict[str, int] = {}
        try:
            for name in self._store.journals():
                try:
                    found[name] = self._store.size(name)
                except StoreError as err:
                    if not isinstance(err.__cause__, FileNotFoundError):
                        self.unreadable.append(str(err))
        except StoreError as err:
            self.unreadable.append(str(err))
        return found

    def _listed_packs(self) -> Sequence[str]:
        try:
            return self._store.packs()
        except StoreError as err:
            self.unreadable.append(str(err))
            return ()

    def _read_some(self, waiting: list[str]) -> list[str]:
        """Read some files, and return those that still wait."""
        unused = int(self._database.query("SELECT COALESCE(MAX(id), 0) FROM sources")[0][0]) + 1
        before = self.count
        for done, name in enumerate(waiting):
            if self.count - before > _PER_TRANSACTION:
                return waiting[done:]
            known = self._database.query("SELECT id, read_to FROM sources WHERE path = ?", (name,))
            source, start = known[0] if known else (unused, 0)
            unused += not known
            try:
                batch, end = self._batch(name, source, max(start, 0), is_new=not known)
            except StoreError as err:
                if isinstance(err.__cause__, FileNotFoundError):
                    self._went = True
                else:
                    self.unreadable.append(str(err))
                continue
            self._database.write(WRITES["sources"], [(source, name, end)])
            write_batch(self._database, batch)
            self.count += batch.records
        return []

    def _batch(self, name: str, source: int, start: int, *, is_new: bool) -> tuple[Batch, int]:
        """Return the rows of a file from an offset on, and where it was read to."""
        if not name.startswith("journal"):
            # A pack never grows.
            return (batch_of_pack(self._store, name, source) if is_new else Batch(source)), 0
        path = os.path.join(self._store.root, name)
        batch = Batch(source)
        for found in read_journal(path, start):
            if isinstance(found, Damage) and found.tail:
                self.torn.append((path, found))
                continue
            if isinstance(found, Damage):
                batch.damaged(found)
            else:
                batch.take(found)
            start = found.end
        return batch, start

    def _forget(self, gone: Sequence[str]) -> None:
        """Forget files that are gone, and what stands nowhere else any more.

        A journal that went into a pack is gone for good. One that somebody deleted takes its jobs with it, and a lookup
        of them must be able to say so: then its name is kept.
        """
        with self._database.writing():
            known = known_sources(self._database)
            ids = {known[name][0] for name in gone if name in known and known[name][1] != _MISSED}
            if not ids:
                return
            if any(not name.startswith("journal") for name in gone):
                self._forget_packs([known[name][0] for name in gone if name in known and name.startswith(PACKS)])
            missed = ids.intersection(row[0] for row in self._database.query(_NEEDED))
            self._database.execute("UPDATE sources SET read_to = ? WHERE id = ?", [(_MISSED, one) for one in missed])
            self._database.execute("DELETE FROM sources WHERE id = ?", [(one,) for one in ids - missed])
            for table in ("documents", "damage"):
                self._database.execute(f"DELETE FROM {table} WHERE source NOT IN (SELECT id FROM sources)", [()])  # noqa: S608

    def _forget_packs(self, ids: Sequence[int]) -> None:
        rows = [(one,) for one in ids]
        self._database.execute("DELETE FROM attempts WHERE number IS NOT NULL AND source = ?", rows)
        nothing = ", ".join(f"{name} = NULL" for name in WRITES["results"].columns if name != "attempt")
        packed = "result_number IS NOT NULL AND result_source = ?"
        self._database.execute(f"UPDATE attempts SET {nothing} WHERE {packed}", rows)  # noqa: S608
        # Of what was forgotten so, a journal may be the only place now.
        self._database.execute("UPDATE sources SET read_to = 0 WHERE path LIKE ?", [("journal/%",)])
        self._database.execute("DELETE FROM keys WHERE attempt NOT IN (SELECT attempt FROM attempts)", [()])


def _take_block(batch: Batch, block: Block) -> None:
    for number in range(len(block)):
        try:
            batch.take(block.record(number))
        except FormatError as err:
            batch.damaged(Damage(block.offset, block.end, str(err), tail=False))
