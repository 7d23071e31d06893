# SPDX-License-Identifier: Apache-2.0
"""The index: a SQLite file derived from the journals, which can be deleted at any time and made anew."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence

from ..errors import EnvcapError, FormatError, StoreError
from ..model.document import parse_json
from ..model.manifest import Manifest
from ..model.recipe import Recipe
from ..model.result import Result
from ..model.signature import Signature
from ..model.verdict import Verdict
from ..printable import printable
from .base import ObjectStore
from .journal import Damage, Record, journal_paths, read_journal, read_record
from .local import LocalStore
from .state import state_of

__all__ = ("Attempt", "Index")

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_SCHEMA_VERSION = 3
_SCHEMA = """
CREATE TABLE journals (path TEXT PRIMARY KEY, read_to INTEGER NOT NULL);
CREATE TABLE manifests (
    attempt TEXT PRIMARY KEY, journal TEXT NOT NULL, offset INTEGER NOT NULL, digest TEXT NOT NULL,
    job_id TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL, quantum TEXT, run TEXT, parent TEXT,
    recipe TEXT NOT NULL, started TEXT NOT NULL, degraded INTEGER NOT NULL, replay_of TEXT);
CREATE TABLE results (
    attempt TEXT PRIMARY KEY, journal TEXT NOT NULL, offset INTEGER NOT NULL, digest TEXT NOT NULL,
    status TEXT NOT NULL, ended TEXT NOT NULL, content_key TEXT, degraded INTEGER NOT NULL);
CREATE TABLE recipes (
    digest TEXT NOT NULL, journal TEXT NOT NULL, offset INTEGER NOT NULL, PRIMARY KEY (digest, journal)) WITHOUT ROWID;
CREATE TABLE damage (journal TEXT NOT NULL, start INTEGER NOT NULL, stop INTEGER NOT NULL, reason TEXT NOT NULL);
CREATE TABLE datasets (dataset TEXT NOT NULL, attempt TEXT NOT NULL, PRIMARY KEY (dataset, attempt)) WITHOUT ROWID;
CREATE TABLE files (attempt TEXT NOT NULL, path TEXT NOT NULL, digest TEXT NOT NULL);
CREATE TABLE verdicts (
    replay TEXT PRIMARY KEY, journal TEXT NOT NULL, offset INTEGER NOT NULL, replay_of TEXT NOT NULL,
    verdict TEXT NOT NULL);
CREATE TABLE signatures (attempt TEXT NOT NULL, journal TEXT NOT NULL, offset INTEGER NOT NULL);
CREATE INDEX signatures_of ON signatures (attempt);
CREATE INDEX manifests_job ON manifests (job_id);
CREATE INDEX manifests_quantum ON manifests (quantum);
CREATE INDEX manifests_recipe ON manifests (recipe);
CREATE INDEX manifests_digest ON manifests (digest);
CREATE INDEX manifests_started ON manifests (started);
CREATE INDEX files_path ON files (path);
CREATE INDEX files_digest ON files (digest);
CREATE INDEX verdicts_of ON verdicts (replay_of);
"""
_BESIDE = ("-journal", "-wal", "-shm")
_BROKEN = (sqlite3.Error, UnicodeDecodeError)
"""What a broken file ends in: a message of SQLite's may quote bytes that are no text."""
_NEVER_WRITTEN = "it holds what was never written to it"


class Attempt:
    """One attempt as the store knows it.

    Attributes
    ----------
    manifest : `Manifest`
    result : `Result` or `None`
        `None` while it runs, or when it died without a word.
    recipe : `Recipe`
    digest, result_digest : `str`
        Of the manifest and of the result.
    seal, result_seal : `str` or `None`
        What a key vouches with for each (`envcap.trust`).
    store : `ObjectStore` or `None`
        Where the components are.
    """

    store: ObjectStore | None = None
    result_digest: str | None = None
    seal: str | None = None
    result_seal: str | None = None

    def __init__(self, manifest: Manifest, recipe: Recipe, result: Result | None, digest: str) -> None:
        self.manifest = manifest
        self.recipe = recipe
        self.result = result
        self.digest = digest

    @property
    def state(self) -> str:
        """``ok``, ``failed``, ``running``, ``unknown`` or ``lost`` (DESIGN section 2)."""
        return self.result.status if self.result else state_of(self.manifest.writer)

    @property
    def degraded(self) -> bool:
        """Whether something of it could not be captured."""
        return self.manifest.degraded or bool(self.result and self.result.degraded)

    def __repr__(self) -> str:
        told = f"<{self.manifest.job.kind} {self.manifest.job.name}: {self.state}, attempt {self.manifest.attempt}>"
        return printable(told, "")

    def _repr_html_(self) -> str:
        from .. import html
        from ..describe import sections

        (title, ((_, state), *rows)), *rest = sections(self, self.store)
        # What ran is known to whoever sees the cell, and where it ran decides least.
        folded = (html.section(name, found, opened=False if name in ("code", "host") else None) for name, found in rest)
        return html.page(title, html.table((), rows), *folded, badge=state)


class Index:
    """Finds attempts. Opening it reads what journals gained since, so a lookup never misses a job that ended.

    Parameters
    ----------
    store : `LocalStore`
        On a read-only or full file system the index is made in memory.

    Attributes
    ----------
    new_records : `int`
        Records that the journals gained.
    unreadable : `list` [ `str` ]
        Why what could not be read could not.
    """

    def __init__(self, store: LocalStore) -> None:
        self.store = store
        self.path = os.path.join(store.root, "index.sqlite")
        self.new_records = 0
        self.unreadable: list[str] = []
        self._torn: list[tuple[str, Damage]] = []
        self._connection = self._connect()
        self.refresh()

    def close(self) -> None:
        """Let go of the database."""
        self._connection.close()

    def _connect(self) -> sqlite3.Connection:
        if not os.access(self.store.root, os.W_OK) or _is_read_only(self.store.root):
            return _prepared(sqlite3.connect(":memory:"))
        for path in (self.path, *(self.path + suffix for suffix in _BESIDE)):
            # SQLite would wait for a pipe, and for whoever else has a device open.
            if os.path.lexists(path) and (os.path.islink(path) or not os.path.isfile(path)):
                raise StoreError(f"{path}: no regular file; delete it, 'envcap ingest' makes the index anew")
        try:
            return _prepared(sqlite3.connect(self.path, timeout=60.0, isolation_level=None))
        except sqlite3.OperationalError:
            # A full disk or a file system without locks: nothing is lost by indexing in memory.
            return _prepared(sqlite3.connect(":memory:"))
        except _BROKEN as err:
            raise self._broken(err) from err

    def refresh(self) -> None:
        """Read what the journals gained; another process that does the same meanwhile is waited for."""
        try:
            self._read_all()
        except sqlite3.OperationalError as err:
            # No room for the file, most likely; an index in memory needs none.
            if self.path == ":memory:":
                raise StoreError(f"{self.store}: {err}") from err
            self._connection.close()
            self.path = ":memory:"
            self._connection = _prepared(sqlite3.connect(self.path))
            self.refresh()
        except _BROKEN as err:
            self._connection.close()
            raise self._broken(err) from err

    def _read_all(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            for path in journal_paths(self.store.root):
                try:
                    self._read(path)
                except StoreError as err:
                    self.unreadable.append(str(err))
        except StoreError as err:
            self.unreadable.append(str(err))
        self._connection.execute("COMMIT")

    def damage(self) -> list[tuple[str, Damage]]:
        """Return what is damaged in the journals, as path and damage; a torn tail may yet become a record."""
        known = []
        rows: list[Any] = self.query("SELECT journal, start, stop, reason FROM damage ORDER BY journal, start")
        for name, start, stop, reason in rows:
            if not (isinstance(name, str) and isinstance(start, int) and isinstance(stop, int)):
                raise self._broken(_NEVER_WRITTEN)
            known.append((os.path.join(self.store.root, name), Damage(start, stop, str(reason), tail=False)))
        return known + self._torn

    def _broken(self, reason: object) -> StoreError:
        return StoreError(f"{self.path}: {reason}; delete this file, 'envcap ingest' makes it anew")

    def _read(self, path: str) -> None:
        name = os.path.relpath(path, self.store.root)
        try:
            row = self._connection.execute("SELECT read_to FROM journals WHERE path = ?", (name,)).fetchone()
            read_to = start = row[0] if row else 0
            if type(start) is not int:
                raise self._broken(_NEVER_WRITTEN)
            if os.path.getsize(path) <= start:
                return
        except (OSError, UnicodeEncodeError) as err:
            raise StoreError(f"{path}: {getattr(err, 'strerror', None) or err}") from err
        for found in read_journal(path, start):
            if isinstance(found, Damage) and found.tail:
                self._torn.append((path, found))
                continue
            if isinstance(found, Damage):
                self._note_damage(name, found.offset, found.end, found.reason)
            else:
                try:
                    self._take(name, found)
                    self.new_records += 1
                except EnvcapError as err:
                    self._note_damage(name, found.offset, found.end, str(err))
            read_to = found.end
        self._connection.execute("INSERT OR REPLACE INTO journals VALUES (?, ?)", (name, read_to))

    def _note_damage(self, name: str, start: int, stop: int, reason: str) -> None:
        self._connection.execute("INSERT INTO damage VALUES (?, ?, ?, ?)", (name, start, stop, reason))

    def _take(self, name: str, record: Record) -> None:
        match record.kind:
            case "manifest":
                self._take_manifest(name, record)
            case "result":
                self._take_result(name, record)
            case "recipe":
                row = (record.digest, name, record.offset)
                self._connection.execute("INSERT OR IGNORE INTO recipes VALUES (?, ?, ?)", row)
            case "verdict":
                verdict = Verdict.from_bytes(record.data)
                judged = (verdict.replay, name, record.offset, verdict.replay_of, verdict.verdict)
                self._connection.execute("INSERT OR REPLACE INTO verdicts VALUES (?, ?, ?, ?, ?)", judged)
            case "signature":
                signed = (Signature.from_bytes(record.data).attempt, name, record.offset)
                self._connection.execute("INSERT INTO signatures VALUES (?, ?, ?)", signed)

    def _take_manifest(self, name: str, record: Record) -> None:
        manifest = Manifest.from_bytes(record.data)
        job = manifest.job
        for group in job.outputs or ():
            if any(len(row) != len(group.dimensions) + 1 for row in group.rows):
                raise FormatError(f"$.job.outputs: a row of {group.dataset_type} doesn't have its dimensions")
        self._connection.execute(
            "INSERT OR REPLACE INTO manifests VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (manifest.attempt, name, record.offset, record.digest, manifest.job_id, job.kind, job.name, job.quantum,
             job.run, job.parent, manifest.recipe.digest, manifest.started, manifest.degraded, manifest.replay_of),
        )  # fmt: skip
        rows = [(row[0], manifest.attempt) for group in job.outputs or () for row in group.rows]
        self._connection.executemany("INSERT OR IGNORE INTO datasets VALUES (?, ?)", rows)

    def _take_result(self, name: str, record: Record) -> None:
        result = Result.from_bytes(record.data)
        self._connection.execute(
            "INSERT OR REPLACE INTO results VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (result.attempt, name, record.offset, record.digest, result.status, result.ended, result.content_key,
             bool(result.degraded)),
        )  # fmt: skip
        files = [(result.attempt, _path(o.file.uri or ""), o.file.digest or "") for o in result.outputs]
        self._connection.executemany("INSERT INTO files VALUES (?, ?, ?)", files)

    def load(self, attempt: str) -> Attempt:
        """Return an attempt by its id.

        Raises
        ------
        StoreError
            If its records are gone or damaged.
        """
        rows = self.query("SELECT journal, offset FROM manifests WHERE attempt = ?", (attempt,))
        if not rows:
            raise StoreError(f"{self.store}: no attempt {attempt}")
        record = self._record(*rows[0])
        ended = self.query("SELECT journal, offset FROM results WHERE attempt = ?", (attempt,))
        manifest = Manifest.from_bytes(record.data)
        if manifest.attempt != attempt:
            raise self._broken(_NEVER_WRITTEN)
        found = Attempt(manifest, self.recipe(manifest.recipe.digest), None, record.digest)
        found.store, found.seal = self.store, record.seal
        if ended:
            last = self._record(*ended[0])
            found.result, found.result_digest, found.result_seal = Result.from_bytes(last.data), last.digest, last.seal
        return found

    def recipe(self, digest: str) -> Recipe:
        """Return a recipe by its digest.

        Raises
        ------
        StoreError
            If its record is gone or damaged.
        """
        rows = self.query("SELECT journal, offset FROM recipes WHERE digest = ?", (digest,))
        for row in rows:
            try:
                record = self._record(*row)
                if record.digest != digest:
                    raise self._broken(_NEVER_WRITTEN)
                return Recipe.from_bytes(record.data)
            except EnvcapError:
                if row is rows[-1]:
                    raise
        raise StoreError(f"{self.store}: recipe {digest} is missing")

    def signatures(self, attempt: str) -> list[Signature]:
        """Return the signatures of an attempt's documents, whoever made them."""
        rows = self.query("SELECT journal, offset FROM signatures WHERE attempt = ?", (attempt,))
        return [Signature.from_bytes(self._record(*row).data) for row in rows]

    def verdict(self, replay: str) -> object:
        """Return the verdict of a replay, as stored."""
        rows = self.query("SELECT journal, offset FROM verdicts WHERE replay = ?", (replay,))
        return parse_json(self._record(*rows[0]).data) if rows else None

    def attempts(self, condition: str = "1", values: Sequence[object] = ()) -> Iterator[Attempt]:
        """Yield the attempts that meet a condition on the table ``manifests``, oldest first.

        One that can't be read is passed over, and `unreadable` says why.
        """
        for (attempt,) in self.query(f"SELECT attempt FROM manifests WHERE {condition} ORDER BY started", values):  # noqa: S608
            try:
                found = self.load(attempt)
            except EnvcapError as err:
                self.unreadable.append(f"attempt {attempt}: {err}")
                continue
            yield found

    def query(self, sql: str, values: Sequence[object] = ()) -> list[tuple[str, ...]]:
        """Return the rows of a query."""
        # As documents write a text that is no Unicode: a path or an argument may be any bytes.
        known = [v.encode("utf-8", "backslashreplace").decode() if isinstance(v, str) else v for v in values]
        try:
            return self._connection.execute(sql, known).fetchall()
        except _BROKEN as err:
            raise self._broken(err) from err

    def _record(self, journal: object, offset: object) -> Record:
        # Whoever can write to the store can write to the index: what it says is where to look, not what is there.
        if not isinstance(journal, str) or not isinstance(offset, int):
            raise self._broken(_NEVER_WRITTEN)
        return read_record(os.path.join(self.store.root, journal), offset)


def _prepared(connection: sqlite3.Connection) -> sqlite3.Connection:
    connection.isolation_level = None
    connection.execute("PRAGMA synchronous = OFF")
    if _version(connection) != _SCHEMA_VERSION:
        connection.execute("BEGIN IMMEDIATE")
        # Another process may have made it while this one waited.
        if _version(connection) != _SCHEMA_VERSION:
            for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
                connection.execute(f"DROP TABLE {name}")
            for statement in _SCHEMA.split(";"):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {_SCHEMA_VERSION}")
        connection.execute("COMMIT")
    return connection


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _is_read_only(path: str) -> bool:
    return bool(os.statvfs(path).f_flag & os.ST_RDONLY)


def _path(uri: str) -> str:
    return uri.removeprefix("file://")
