# SPDX-License-Identifier: Apache-2.0
"""The tables of an index, and what a database must do to hold them.

Everything is derived from journals and packs. Whatever can be looked up is a key of a few bytes in one table: the bytes
of a UUID, or the first bytes of a digest. What is found so is read from the documents, which say it whole.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

__all__ = ("COLUMNS", "NULLABLE", "SCHEMA_VERSION", "TABLES", "WRITES", "Database", "DatabaseBrokenError", "Write")

SCHEMA_VERSION = 5

_PLACE = "source INTEGER, position INTEGER, number INTEGER"
TABLES: Mapping[str, str] = {
    # Files that were read, and how far.
    "sources": "id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE, read_to INTEGER NOT NULL",
    "attempts": (
        "attempt BLOB PRIMARY KEY, source INTEGER, position INTEGER, number INTEGER, kind TEXT, name TEXT, job_id TEXT,"
        " quantum TEXT, run TEXT, host TEXT, started TEXT, inner_job INTEGER, degraded INTEGER, replay_of TEXT,"
        " result_source INTEGER, result_position INTEGER, result_number INTEGER, status TEXT, ended TEXT,"
        " result_degraded INTEGER, content_key BLOB"
    ),
    "keys": "key BLOB NOT NULL, attempt BLOB NOT NULL, PRIMARY KEY (key, attempt)",
    # Recipes, verdicts, signatures, notes: where they stand, by key.
    "documents": (
        "key BLOB NOT NULL, source INTEGER NOT NULL, position INTEGER NOT NULL, number INTEGER NOT NULL,"
        " PRIMARY KEY (key, source, position, number)"
    ),
    "damage": (
        "source INTEGER NOT NULL, start INTEGER NOT NULL, stop INTEGER NOT NULL, reason TEXT NOT NULL,"
        " PRIMARY KEY (source, start, stop, reason)"
    ),
}
INDEXES: Mapping[str, str] = {"attempts_by_run": "attempts (run)", "attempts_by_content": "attempts (content_key)"}


class Write(NamedTuple):
    """Rows to be written into a table.

    Attributes
    ----------
    table : `str`
    columns : mapping
        Name and type of each column of a row.
    key : sequence of `str`
        What a row is one of its kind by; empty if nothing.
    replaces : `str`
        The condition on which a row replaces one of the same key; empty if never.
    """

    table: str
    columns: Mapping[str, str]
    key: tuple[str, ...]
    replaces: str

    def sql(self, values: str) -> str:
        """Return the statement that inserts such values."""
        names = ", ".join(self.columns)
        statement = f"INSERT INTO {self.table} ({names}) {values}"
        if not self.key:
            return statement
        statement += f" ON CONFLICT ({', '.join(self.key)}) DO "
        others = [name for name in self.columns if name not in self.key]
        if not self.replaces or not others:
            return statement + "NOTHING"
        changes = ", ".join(f"{name} = excluded.{name}" for name in others)
        return f"{statement}UPDATE SET {changes} WHERE {self.replaces}"


def _columns(declared: str) -> dict[str, str]:
    return {name: kind for name, _, kind in (column.strip().partition(" ") for column in declared.split(","))}


# What stands in a pack stays there; a journal may be one that is about to go.
_FROM_PACK = "excluded.{0} IS NOT NULL OR attempts.{0} IS NULL"
WRITES = {
    "manifests": Write(
        "attempts",
        _columns(
            "attempt BLOB, source INTEGER, position INTEGER, number INTEGER, kind TEXT, name TEXT, job_id TEXT,"
            " quantum TEXT, run TEXT, host TEXT, started TEXT, inner_job INTEGER, degraded INTEGER, replay_of TEXT"
        ),
        ("attempt",),
        _FROM_PACK.format("number"),
    ),
    "results": Write(
        "attempts",
        _columns(
            "attempt BLOB, result_source INTEGER, result_position INTEGER, result_number INTEGER, status TEXT,"
            " ended TEXT, result_degraded INTEGER, content_key BLOB"
        ),
        ("attempt",),
        _FROM_PACK.format("result_number"),
    ),
    "keys": Write("keys", _columns("key BLOB, attempt BLOB"), ("key", "attempt"), ""),
    "documents": Write(
        "documents",
        _columns("key BLOB, source INTEGER, position INTEGER, number INTEGER"),
        ("key", "source", "position", "number"),
        "",
    ),
    "damage": Write(
        "damage",
        _columns("source INTEGER, start INTEGER, stop INTEGER, reason TEXT"),
        ("source", "start", "stop", "reason"),
        "",
    ),
    "sources": Write("sources", _columns("id INTEGER, path TEXT, read_to INTEGER"), ("path",), "TRUE"),
}

COLUMNS = {**WRITES["manifests"].columns, **WRITES["results"].columns}
"""Name and type of each column of the table of attempts."""

NULLABLE = {"number", "quantum", "run", "replay_of", *WRITES["results"].columns} - {"attempt"}
"""Those that may have no value."""


class DatabaseBrokenError(Exception):
    """The database holds what was never written to it, or can't be asked; the message says why."""


class Database(ABC):
    """Holds the tables. Statements have ``?`` in place of values.

    Attributes
    ----------
    path : `str`
        Where it is, for people.
    """

    path: str

    @abstractmethod
    def query(self, sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Return the rows of a query.

        Raises
        ------
        DatabaseBrokenError
            If it can't be answered.
        """

    @abstractmethod
    def write(self, write: Write, rows: Sequence[tuple[object, ...]]) -> None:
        """Write rows; later ones win."""

    @abstractmethod
    def execute(self, sql: str, rows: Sequence[tuple[object, ...]]) -> None:
        """Run a statement once a row of values."""

    @abstractmethod
    @contextmanager
    def writing(self) -> Iterator[None]:
        """Let nobody else write meanwhile; what was written is there at the end, or none of it."""

    @abstractmethod
    def close(self) -> None:
        """Let go of it."""
