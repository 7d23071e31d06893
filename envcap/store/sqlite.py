# SPDX-License-Identifier: Apache-2.0
"""An index in a SQLite file, which one machine or one shared file system needs no server for."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from ..errors import StoreError
from .database import INDEXES, SCHEMA_VERSION, TABLES, Database, DatabaseBrokenError, Write

__all__ = ("NoRoomError", "SqliteDatabase")

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_BESIDE = ("-journal", "-wal", "-shm")
_BROKEN = (sqlite3.Error, UnicodeError, OverflowError)
"""What a broken file ends in: a message of SQLite's may quote bytes that are no text."""
_SUPER = bytes.fromhex("d9d505f920a163d7")
"""At the end of a journal that names a super-journal, which SQLite deletes (sqlite.org/fileformat2, section 3)."""
_WAIT_S = 60.0
_CACHE_KIB = 128 << 10


class NoRoomError(Exception):
    """There is no room for the file, or its file system has no locks."""


class SqliteDatabase(Database):
    """The tables in a file, or in memory.

    Parameters
    ----------
    path : `str` or `None`
        `None` for memory.

    Raises
    ------
    DatabaseBrokenError
        If the file is none.
    NoRoomError
        If it can't be made.
    StoreError
        If something else stands in its place.
    """

    def __init__(self, path: str | None) -> None:
        self.path = path or ":memory:"
        if path is not None:
            _refuse_odd_files(path)
        try:
            self._connection = sqlite3.connect(self.path, timeout=_WAIT_S, isolation_level=None)
            self._prepare()
        except sqlite3.OperationalError as err:
            raise NoRoomError(str(err)) from err
        except _BROKEN as err:
            raise DatabaseBrokenError(str(err)) from err

    def _prepare(self) -> None:
        run = self._connection.execute
        # It can be made anew from the rest of the store at any time.
        run("PRAGMA synchronous = OFF")
        run("PRAGMA trusted_schema = OFF")
        run(f"PRAGMA cache_size = -{_CACHE_KIB}")
        if self._version() == SCHEMA_VERSION:
            self._check()
            return
        run("BEGIN IMMEDIATE")
        # Another process may have made it while this one waited.
        if self._version() != SCHEMA_VERSION:
            for (name,) in run("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
                run(f'DROP TABLE "{name}"')
            for name, columns in TABLES.items():
                rowid = "" if "INTEGER PRIMARY KEY" in columns or "PRIMARY KEY" not in columns else " WITHOUT ROWID"
                run(f"CREATE TABLE {name} ({columns}){rowid}")
            for name, of in INDEXES.items():
                run(f"CREATE INDEX {name} ON {of}")
            run(f"PRAGMA user_version = {SCHEMA_VERSION}")
        run("COMMIT")

    def _check(self) -> None:
        """Refuse a database that has other things in it than tables: a view may take a query's time without end."""
        odd = "SELECT name FROM sqlite_master WHERE type NOT IN ('table', 'index') OR sql LIKE '%VIRTUAL%'"
        if self._connection.execute(odd).fetchone() is not None:
            raise sqlite3.DatabaseError("it holds what was never written to it")

    def _version(self) -> int:
        return int(self._connection.execute("PRAGMA user_version").fetchone()[0])

    def query(self, sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        try:
            return self._connection.execute(sql, values).fetchall()
        except _BROKEN as err:
            raise DatabaseBrokenError(str(err)) from err

    def write(self, write: Write, rows: Sequence[tuple[object, ...]]) -> None:
        """Write rows; later ones win."""
        self.execute(write.sql(f"VALUES ({', '.join('?' * len(write.columns))})"), rows)

    def execute(self, sql: str, rows: Sequence[tuple[object, ...]]) -> None:
        """Run a statement once a row of values."""
        self._connection.executemany(sql, rows)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Let nobody else write meanwhile."""
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")
        except sqlite3.OperationalError as err:
            raise NoRoomError(str(err)) from err
        except _BROKEN as err:
            raise DatabaseBrokenError(str(err)) from err

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()


def _refuse_odd_files(path: str) -> None:
    """SQLite would wait for a pipe, and for whoever else has a device open; and delete what a journal of it names."""
    for beside in (path, *(path + suffix for suffix in _BESIDE)):
        if os.path.lexists(beside) and (os.path.islink(beside) or not os.path.isfile(beside)):
            raise StoreError(f"{beside}: no regular file; delete it, 'envcap ingest' makes the index anew")
    try:
        with open(path + _BESIDE[0], "rb") as stream:
            stream.seek(-min(len(_SUPER), os.fstat(stream.fileno()).st_size), os.SEEK_END)
            names_another = stream.read() == _SUPER
    except FileNotFoundError:
        return
    if names_another:
        told = "it names another journal, which none of envcap's does"
        raise StoreError(f"{path}{_BESIDE[0]}: {told}; delete it, 'envcap ingest' makes the index anew")
