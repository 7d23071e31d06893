# SPDX-License-Identifier: Apache-2.0
"""A site's index in PostgreSQL, by SQLAlchemy and psycopg: one schema a store, so that a database serves several."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from ..digest import sha256_hex
from ..errors import UsageError
from .database import INDEXES, SCHEMA_VERSION, TABLES, Database, DatabaseBrokenError, Write

__all__ = ("PostgresqlDatabase",)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_TYPES = {"BLOB": "BYTEA", "INTEGER": "BIGINT", "TEXT": "TEXT"}


class PostgresqlDatabase(Database):
    """The tables in a schema of a database.

    Parameters
    ----------
    url : `str`
        ``postgresql://user@host:port/name``; a password belongs into ``~/.pgpass``, which PostgreSQL's library reads.
    identity : `str`
        Of the store: its id, which copies have, too, and its place.

    Raises
    ------
    DatabaseBrokenError
        If the database doesn't answer.
    UsageError
        If SQLAlchemy or psycopg isn't installed, or it is no such URL.
    """

    def __init__(self, url: str, identity: str) -> None:
        try:
            import psycopg
            from sqlalchemy import create_engine
            from sqlalchemy.engine import make_url
            from sqlalchemy.exc import ArgumentError, SQLAlchemyError
        except ModuleNotFoundError as err:
            raise UsageError(f"an index in PostgreSQL needs {err.name}: pip install 'envcap[postgresql]'") from None
        self._errors = (SQLAlchemyError, psycopg.Error)
        try:
            made = make_url(url).set(drivername="postgresql+psycopg")
        except ArgumentError:
            raise UsageError("ENVCAP_INDEX is no URL of a database (postgresql://user@host/name)") from None
        self.path = made.render_as_string(hide_password=True)
        self._schema = f"envcap_{sha256_hex(identity.encode('utf-8', 'surrogateescape'))[:24]}"
        try:
            self._engine = create_engine(made)
            self._connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            self._prepare()
        except self._errors as err:
            raise DatabaseBrokenError(_told(err)) from err

    def _prepare(self) -> None:
        self._run(f"SET search_path TO {self._schema}")
        if self._version() == SCHEMA_VERSION:
            return
        with self.writing():
            if self._version() == SCHEMA_VERSION:
                return  # another process has made it while this one waited
            self._run(f"DROP SCHEMA IF EXISTS {self._schema} CASCADE")
            self._run(f"CREATE SCHEMA {self._schema}")
            for name, columns in TABLES.items():
                self._run(f"CREATE TABLE {name} ({_typed(columns)})")
            for name, of in INDEXES.items():
                self._run(f"CREATE INDEX {name} ON {of}")
            self._run(f"CREATE TABLE version AS SELECT {SCHEMA_VERSION} AS version")

    def _version(self) -> int:
        if self._run("SELECT to_regclass(%s)", (f"{self._schema}.version",)).scalar() is None:
            return 0
        return int(self._run("SELECT version FROM version").scalar())

    def _run(self, sql: str, values: Sequence[object] = ()) -> Any:
        return self._connection.exec_driver_sql(sql, tuple(values) or None)

    def query(self, sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        try:
            found = self._run(_marked(sql, bool(values)), values).fetchall()
        except self._errors as err:
            raise DatabaseBrokenError(_told(err)) from err
        return [tuple(row) for row in found]

    def write(self, write: Write, rows: Sequence[tuple[object, ...]]) -> None:
        """Write rows; later ones win."""
        if write.key:
            # One statement may change a row only once.
            at = [list(write.columns).index(name) for name in write.key]
            rows = list({tuple(row[i] for i in at): row for row in rows}.values())
        if not rows:
            return
        arrays = ", ".join(f"%s::{_TYPES[kind]}[]" for kind in write.columns.values())
        statement = write.sql(f"SELECT * FROM unnest({arrays})")  # noqa: S608
        self._run(statement, [list(column) for column in zip(*rows, strict=True)])

    def execute(self, sql: str, rows: Sequence[tuple[object, ...]]) -> None:
        """Run a statement once a row of values."""
        if rows:
            self._connection.exec_driver_sql(_marked(sql, True), list(rows))

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Let nobody else write meanwhile."""
        try:
            self._run("BEGIN")
            try:
                self._run("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (self._schema,))
                yield
            except BaseException:
                self._run("ROLLBACK")
                raise
            self._run("COMMIT")
        except self._errors as err:
            raise DatabaseBrokenError(_told(err)) from err

    def close(self) -> None:
        """Let go of the connection."""
        self._connection.close()
        self._engine.dispose()


def _typed(columns: str) -> str:
    for name, known in _TYPES.items():
        columns = columns.replace(f" {name}", f" {known}")
    return columns


def _marked(sql: str, has_values: bool) -> str:
    return sql.replace("%", "%%").replace("?", "%s") if has_values else sql


def _told(err: Exception) -> str:
    """Return the first line of what went wrong; the rest is the statement."""
    return str(getattr(err, "orig", None) or err).strip().splitlines()[0]
