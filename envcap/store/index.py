# SPDX-License-Identifier: Apache-2.0
"""The index: a database derived from journals and packs, which can be deleted at any time and made anew."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence

from ..digest import use_openssl
from ..errors import EnvcapError, StoreError
from ..ids import uuid_bytes, uuid_text
from ..model.document import parse_json
from ..model.manifest import Manifest
from ..model.note import Note
from ..model.recipe import Recipe
from ..model.result import Result
from ..model.signature import Signature
from .attempt import Attempt
from .batch import IN_A_JOURNAL, NOTE, RECIPE, SIGNATURE, VERDICT, key_of
from .database import COLUMNS, NULLABLE, Database, DatabaseBrokenError
from .journal import Damage, Record, read_record
from .local import LocalStore
from .opening import in_memory, opened_database
from .pack import read_block
from .reading import NewRecords, known_sources
from .sqlite import NoRoomError

__all__ = ("Attempt", "Index", "Listed")

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeVar

    from .block import Block

    _T = TypeVar("_T")

_MEMORY = ":memory:"
_NEVER_WRITTEN = "it holds what was never written to it"
_BLOCKS = 8
_AT_ONCE = 500
"""Values in one query: SQLite allows 999 (SQLITE_MAX_VARIABLE_NUMBER before 3.32)."""
_TYPES = {"TEXT": (str,), "INTEGER": (int,), "BLOB": (bytes,)}
_WHOLE = "source IS NOT NULL"
"""Of attempts whose manifest was found; a result may be read before."""
_PLACES = "source, position, number, result_source, result_position, result_number"
_LISTED = "attempt, kind, name, COALESCE(quantum, job_id), started"


class Listed:
    """An attempt as the index lists it: enough to name it, and to choose among several.

    Attributes
    ----------
    id : `bytes`
        The attempt's id, as the index has it.
    attempt, kind, name, started : `str`
    job : `str`
        The quantum, or the job id.
    """

    __slots__ = ("attempt", "id", "job", "kind", "name", "started")

    def __init__(self, id: bytes, kind: str, name: str, job: str, started: str) -> None:
        self.id = id
        self.attempt = uuid_text(id)
        self.kind = kind
        self.name = name
        self.job = job
        self.started = started


class Index:
    """Finds attempts. Opening it reads what journals and packs gained since, so a lookup never misses a job that ended.

    Parameters
    ----------
    store : `LocalStore`
        The index of one that can't be written to is in the user's cache directory, or in memory.
    refresh : `bool`
        Whether to read what is new.

    Attributes
    ----------
    new_records : `int`
        Records that the journals and packs gained.
    unreadable : `list` [ `str` ]
        Why what could not be read could not.
    """

    def __init__(self, store: LocalStore, *, refresh: bool = True) -> None:
        use_openssl()
        self.store = store
        self.new_records = 0
        self.unreadable: list[str] = []
        self._torn: list[tuple[str, Damage]] = []
        self._blocks: dict[tuple[str, int], Block] = {}
        self._database = self._guarded(lambda: opened_database(store))
        if refresh:
            self.refresh()

    def close(self) -> None:
        """Let go of the database."""
        self._database.close()

    @property
    def database(self) -> Database:
        """The database itself."""
        return self._database

    @property
    def is_in_memory(self) -> bool:
        """Whether there is no room for it anywhere else."""
        return self.path == _MEMORY

    def change(self, action: Callable[[Database], None]) -> None:
        """Change the database, while nobody else does. If there is no room for that, go on with an empty one in memory.

        Raises
        ------
        StoreError
            If the database is broken.
        """

        def change() -> None:
            with self._database.writing():
                action(self._database)

        try:
            self._guarded(change)
        except NoRoomError as err:
            self._go_to_memory(err)

    def _go_to_memory(self, why: Exception) -> None:
        if self.is_in_memory:
            raise StoreError(f"{self.store}: {why}") from why
        self.close()
        self._database = in_memory()

    @property
    def path(self) -> str:
        """Where it is."""
        return self._database.path

    def refresh(self) -> None:
        """Read what journals and packs gained; another process that does the same meanwhile is waited for."""
        try:
            self._guarded(self._read_new)
        except NoRoomError as err:
            self._go_to_memory(err)
            self.refresh()

    def _read_new(self) -> None:
        found = NewRecords(self.store, self._database)
        found.read()
        self.new_records += found.count
        self.unreadable += found.unreadable
        self._torn = found.torn

    def _guarded(self, action: Callable[[], _T]) -> _T:
        try:
            return action()
        except DatabaseBrokenError as err:
            raise self._broken(err) from err

    def _broken(self, reason: object) -> StoreError:
        path = (getattr(self, "_database", None) and self.path) or os.path.join(self.store.root, "index.sqlite")
        if "://" in path:
            return StoreError(f"{path}: {reason}")
        return StoreError(f"{path}: {reason}; delete this file, 'envcap ingest' makes it anew")

    def damage(self) -> list[tuple[str, Damage]]:
        """Return what is damaged in journals and packs, as path and damage; a torn tail may yet become a record."""
        known = []
        for path, start, stop, reason in self._query(
            "SELECT path, start, stop, reason FROM damage JOIN sources ON source = id ORDER BY path, start"
        ):
            if not (isinstance(path, str) and isinstance(start, int) and isinstance(stop, int)):
                raise self._broken(_NEVER_WRITTEN)
            known.append((os.path.join(self.store.root, path), Damage(start, stop, str(reason), tail=False)))
        return known + self._torn

    def count(self, condition: str = "TRUE", values: Sequence[object] = ()) -> int:
        """Return how many attempts meet a condition on the table ``attempts``."""
        return int(self._query(f"SELECT COUNT(*) FROM attempts WHERE {_WHOLE} AND ({condition})", values)[0][0])  # noqa: S608

    def listed(self, condition: str, values: Sequence[object] = (), *, order: str = "started, attempt") -> list[Listed]:
        """Return the attempts that meet a condition on the table ``attempts``, oldest first."""
        rows = self._query(
            f"SELECT {_LISTED} FROM attempts WHERE {_WHOLE} AND ({condition}) ORDER BY {order}",  # noqa: S608
            values,
        )
        return [Listed(self._id(attempt), *map(str, others)) for attempt, *others in rows]

    def keyed(self, low: bytes, high: bytes | None = None) -> list[Listed]:
        """Return the attempts that have a key, or one in a range."""
        return self.listed(
            "attempt IN (SELECT attempt FROM keys WHERE key >= ? AND key <= ?)", (low, low if high is None else high)
        )

    def keyed_many(self, keys: Sequence[bytes]) -> Iterator[tuple[bytes, bytes]]:
        """Yield each of some keys that an attempt has, with the attempt's id as the index has it."""
        for start in range(0, len(keys), _AT_ONCE):
            some = keys[start : start + _AT_ONCE]
            marks = ", ".join("?" * len(some))
            for key, attempt in self._query(f"SELECT key, attempt FROM keys WHERE key IN ({marks})", some):  # noqa: S608
                yield self._key(key), self._id(attempt)

    def columns(
        self, names: str, condition: str = "TRUE", values: Sequence[object] = (), *, order: str = "attempt"
    ) -> list[tuple[Any, ...]]:
        """Return columns of the attempts that meet a condition, as the documents said when they were read."""
        types = [(*_TYPES[COLUMNS[name]], *([type(None)] * (name in NULLABLE))) for name in names.split(", ")]
        rows = self._query(
            f"SELECT {names} FROM attempts WHERE {_WHOLE} AND ({condition}) ORDER BY {order}",  # noqa: S608
            values,
        )
        if not all(isinstance(value, kind) for row in rows for value, kind in zip(row, types, strict=True)):
            raise self._broken(_NEVER_WRITTEN)
        return rows

    def sources(self) -> list[tuple[str, int]]:
        """Return name and id of each file that was read."""
        return [(path, number) for path, (number, _) in self._guarded(lambda: known_sources(self._database)).items()]

    def load(self, attempt: str) -> Attempt:
        """Return an attempt by its id.

        Raises
        ------
        StoreError
            If its records are gone or damaged.
        """
        return self._again(lambda: self._load(attempt))

    def _load(self, attempt: str) -> Attempt:
        rows = self._query(
            f"SELECT {_PLACES} FROM attempts WHERE {_WHOLE} AND attempt = ?",  # noqa: S608
            (uuid_bytes(attempt) or b"",),
        )
        if not rows:
            raise StoreError(f"{self.store}: no attempt {attempt}")
        record = self._record(*rows[0][:3])
        manifest = Manifest.from_bytes(record.data)
        if manifest.attempt != attempt:
            raise self._broken(_NEVER_WRITTEN)
        found = Attempt(manifest, self._recipe(manifest.recipe.digest), None, record.digest)
        found.store, found.seal = self.store, record.seal
        if rows[0][3] is not None:
            last = self._record(*rows[0][3:])
            found.result, found.result_digest, found.result_seal = Result.from_bytes(last.data), last.digest, last.seal
        return found

    def recipe(self, digest: str) -> Recipe:
        """Return a recipe by its digest.

        Raises
        ------
        StoreError
            If its record is gone or damaged.
        """
        return self._again(lambda: self._recipe(digest))

    def _recipe(self, digest: str) -> Recipe:
        reason: EnvcapError = StoreError(f"{self.store}: recipe {digest} is missing")
        for place in self._places(key_of(RECIPE, digest)):
            try:
                record = self._record(*place)
                if record.digest != digest:
                    raise self._broken(_NEVER_WRITTEN)
                return Recipe.from_bytes(record.data)
            except EnvcapError as err:
                reason = err
        raise reason

    def signatures(self, attempt: str) -> list[Signature]:
        """Return the signatures of an attempt's documents, whoever made them."""
        found = [Signature.from_bytes(record.data) for record in self._documents(key_of(SIGNATURE, attempt))]
        return [one for one in found if one.attempt == attempt]

    def notes(self, attempt: str) -> list[Note]:
        """Return what was noted of an attempt, oldest first."""
        notes = [Note.from_bytes(record.data) for record in self._documents(key_of(NOTE, attempt))]
        return sorted((note for note in notes if note.attempt == attempt), key=lambda note: note.written)

    def verdict(self, replay: str) -> object:
        """Return the verdict of a replay, as stored."""
        found = self.verdict_record(replay)
        return parse_json(found.data) if found else None

    def verdict_record(self, replay: str) -> Record | None:
        """Return the record of a replay's verdict: its seal tells who vouches for it."""
        found = self._documents(key_of(VERDICT, replay))
        return found[-1] if found else None

    def _documents(self, key: bytes) -> list[Record]:
        found = self._again(lambda: [self._record(*place) for place in self._places(key)])
        # Whoever died between the pack and the deletion of its journals has left a record in both.
        return list({record.digest: record for record in found}.values())

    def attempts(
        self, condition: str = "TRUE", values: Sequence[object] = (), *, order: str = "started, attempt"
    ) -> Iterator[Attempt]:
        """Yield the attempts that meet a condition on the table ``attempts``, oldest first.

        One that can't be read is passed over, and `unreadable` says why.
        """
        for listed in self.listed(condition, values, order=order):
            try:
                found = self.load(listed.attempt)
            except EnvcapError as err:
                self.unreadable.append(f"attempt {listed.attempt}: {err}")
                continue
            yield found

    def _places(self, key: bytes) -> list[tuple[Any, ...]]:
        rows = self._query("SELECT source, position, number FROM documents WHERE key = ? ORDER BY source", (key,))
        return [(source, position, None if number == IN_A_JOURNAL else number) for source, position, number in rows]

    def _query(self, sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        # As documents write a text that is no Unicode: a path or an argument may be any bytes.
        known = [v.encode("utf-8", "backslashreplace").decode() if isinstance(v, str) else v for v in values]
        return self._guarded(lambda: self._database.query(sql, known))

    def _again(self, action: Callable[[], _T]) -> _T:
        """Do something; once more, if the journal that it looked into has gone into a pack meanwhile."""
        try:
            return action()
        except _GoneError:
            self.refresh()
            return action()

    def _record(self, source: object, position: object, number: object) -> Record:
        # Whoever can write to the store can write to the index: what it says is where to look, not what is there.
        if type(source) is not int or type(position) is not int or type(number) not in (int, type(None)):
            raise self._broken(_NEVER_WRITTEN)
        paths = self._query("SELECT path FROM sources WHERE id = ?", (source,))
        if not paths or not isinstance(paths[0][0], str) or not _is_name(paths[0][0]):
            raise self._broken(_NEVER_WRITTEN)
        name = paths[0][0]
        path = os.path.join(self.store.root, name)
        try:
            if number is None:
                return read_record(path, position)
            return self._block(name, position).record(number)  # type: ignore[arg-type]
        except EnvcapError as err:
            if isinstance(err.__cause__, FileNotFoundError):
                raise _GoneError(str(err)) from err
            raise StoreError(str(err) if path in str(err) else f"{path}: {err}") from err

    def _block(self, name: str, position: int) -> Block:
        key = (name, position)
        if (found := self._blocks.get(key)) is None:
            try:
                with self.store.open(name) as stream:
                    found = read_block(stream, position)
            except OSError as err:
                raise StoreError(f"{self.store.root}/{name}: {err.strerror or err}") from err
            while len(self._blocks) >= _BLOCKS:
                del self._blocks[next(iter(self._blocks))]
            self._blocks[key] = found
        return found

    def _key(self, value: object) -> bytes:
        if not isinstance(value, bytes):
            raise self._broken(_NEVER_WRITTEN)
        return value

    def _id(self, value: object) -> bytes:
        if not isinstance(value, bytes) or len(value) != 16:
            raise self._broken(_NEVER_WRITTEN)
        return value


class _GoneError(StoreError):
    """The file that a record stood in is gone."""

    error_type = "gone"


def _is_name(path: str) -> bool:
    """Whether a path is one that a store's file of records may have; no other is opened on the index's word."""
    parts = path.split("/")
    return parts[0] in ("journal", "packs") and ".." not in parts and "\0" not in path
