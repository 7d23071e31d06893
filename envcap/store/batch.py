# SPDX-License-Identifier: Apache-2.0
"""What goes into the index of the records of one file: only what is looked up or listed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from ..digest import sha256_hex
from ..errors import FormatError
from ..ids import uuid_bytes
from ..model.manifest import Manifest
from ..model.note import Note
from ..model.parsing import MAX_VALUES
from ..model.result import Result
from ..model.signature import Signature
from ..model.verdict import Verdict
from .base import split_digest
from .journal import Damage, Record

__all__ = (
    "DATASET",
    "DIGEST",
    "JOB",
    "NOTE",
    "PATH",
    "QUANTUM",
    "RECIPE",
    "SIGNATURE",
    "VERDICT",
    "Batch",
    "key_of",
    "key_range",
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeAlias

    Row: TypeAlias = tuple[object, ...]

DATASET, DIGEST, JOB, PATH, QUANTUM = b"d", b"s", b"j", b"p", b"q"
NOTE, RECIPE, SIGNATURE, VERDICT = b"n", b"r", b"g", b"v"

_ID_BYTES = 16
_DIGEST_BYTES = 8


def key_of(tag: bytes, text: str) -> bytes:
    """Return the key of something by its name.

    Parameters
    ----------
    tag : `bytes`
        What it is the name of.
    text : `str`
        A UUID, a digest, or any other text.
    """
    if tag in (DIGEST, RECIPE):
        return tag + _digest_bytes(text)
    if tag not in (JOB, PATH) and (found := uuid_bytes(text)) is not None:
        return tag + found
    return tag + bytes.fromhex(sha256_hex(text.encode("utf-8", "backslashreplace")))[:_DIGEST_BYTES]


def key_range(tag: bytes, prefix: str) -> tuple[bytes, bytes]:
    """Return the lowest and the highest key of what begins with some hexadecimal digits; hyphens don't count."""
    size = 2 * (_DIGEST_BYTES if tag == DIGEST else _ID_BYTES)
    digits = prefix.replace("-", "")[:size]
    return tag + bytes.fromhex(digits.ljust(size, "0")), tag + bytes.fromhex(digits.ljust(size, "f"))


def _digest_bytes(text: str) -> bytes:
    """Return the first bytes of a digest."""
    return bytes.fromhex(split_digest(text)[: 2 * _DIGEST_BYTES])


class Batch:
    """Rows for the index, by the name of their `Write`.

    Parameters
    ----------
    source : `int`
        Id of the file that the records stand in.

    Attributes
    ----------
    source : `int`
    rows : `dict` [ `str`, `list` ]
    records : `int`
        How many records these are.
    """

    def __init__(self, source: int) -> None:
        self.source = source
        self.rows: dict[str, list[Row]] = {name: [] for name in ("manifests", "results", "keys", "documents", "damage")}
        self.records = 0

    def take(self, record: Record) -> None:
        """Take a record in; what isn't what its kind promises is damage."""
        try:
            taken = _TAKERS.get(record.kind)
            if taken is not None:
                taken(self, record, (self.source, record.offset, record.number))
            self.records += 1
        except FormatError as err:
            self.damaged(Damage(record.offset, record.end, str(err), tail=False))

    def damaged(self, damage: Damage) -> None:
        """Note what holds no record."""
        self.rows["damage"].append((self.source, damage.offset, damage.end, damage.reason))

    def _manifest(self, record: Record, place: Row) -> None:
        data = _object(record.data, Manifest.media_type)
        job = _member(data, "job", dict)
        attempt = _id(data, "attempt")
        job_id, quantum = _text(data, "job_id"), _optional(job, "quantum")
        writer = _member(data, "writer", dict)
        keys = [key_of(DIGEST, record.digest), key_of(DIGEST, _text(_member(data, "recipe", dict), "digest"))]
        keys.append(key_of(QUANTUM, quantum) if quantum is not None else key_of(JOB, job_id))
        keys += [key_of(DATASET, dataset) for dataset in _datasets(job.get("outputs") or ())]
        self.rows["manifests"].append((
            attempt, *place, _text(job, "kind"), _text(job, "name"), job_id, quantum, _optional(job, "run"),
            _text(writer, "host"), _text(data, "started"), int(job.get("parent") is not None),
            int(_member(data, "degraded", bool)), _optional(data, "replay_of"),
        ))  # fmt: skip
        self._keys(attempt, keys)

    def _result(self, record: Record, place: Row) -> None:
        data = _object(record.data, Result.media_type)
        attempt = _id(data, "attempt")
        content = _optional(data, "content_key")
        keys = [key_of(DIGEST, record.digest)]
        for output in _items(data.get("outputs") or (), "$.outputs"):
            file = _member(output, "file", dict)
            if (uri := _optional(file, "uri")) is not None:
                keys.append(key_of(PATH, uri.removeprefix("file://")))
            if (digest := _optional(file, "digest")) is not None:
                keys.append(key_of(DIGEST, digest))
        self.rows["results"].append((
            attempt, *place, _text(data, "status"), _text(data, "ended"), int(bool(data.get("degraded"))),
            None if content is None else _digest_bytes(content),
        ))  # fmt: skip
        self._keys(attempt, keys)

    def _recipe(self, record: Record, place: Row) -> None:
        self._document(key_of(RECIPE, record.digest), place)

    def _verdict(self, record: Record, place: Row) -> None:
        self._document(key_of(VERDICT, Verdict.from_bytes(record.data).replay), place)

    def _signature(self, record: Record, place: Row) -> None:
        self._document(key_of(SIGNATURE, Signature.from_bytes(record.data).attempt), place)

    def _note(self, record: Record, place: Row) -> None:
        self._document(key_of(NOTE, Note.from_bytes(record.data).attempt), place)

    def _document(self, key: bytes, place: Row) -> None:
        source, position, number = place
        self.rows["documents"].append((key, source, position, IN_A_JOURNAL if number is None else number))

    def _keys(self, attempt: bytes, keys: Iterable[bytes]) -> None:
        self.rows["keys"].extend((key, attempt) for key in dict.fromkeys(keys))


IN_A_JOURNAL = -1
"""Stands in the table of documents for a number that there is none of."""

_TAKERS = {
    "manifest": Batch._manifest,
    "result": Batch._result,
    "recipe": Batch._recipe,
    "verdict": Batch._verdict,
    "signature": Batch._signature,
    "note": Batch._note,
}


def _object(data: bytes, media_type: str) -> dict[str, Any]:
    """Return the members of a document. Whoever reads the document itself checks it whole."""
    if data.count(b",") + data.count(b"[") + data.count(b"{") > MAX_VALUES:
        raise FormatError(f"not a JSON document: it has more than {MAX_VALUES} values")
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as err:
        raise FormatError(f"not a JSON document: {err}") from err
    if not isinstance(found, dict) or found.get("mediaType") != media_type:
        raise FormatError(f"$: expected {media_type}")
    return found


def _member(data: Mapping[str, Any], name: str, kind: type) -> Any:
    value = data.get(name)
    if type(value) is not kind:
        raise FormatError(f"$.{name}: expected {kind.__name__}, found {type(value).__name__}")
    return value


def _text(data: Mapping[str, Any], name: str) -> str:
    value: str = _member(data, name, str)
    # Neither is a text that every database takes.
    if "\0" in value or (not value.isascii() and value.encode("utf-8", "ignore").decode() != value):
        raise FormatError(f"$.{name}: a text with what is no character")
    return value


def _optional(data: Mapping[str, Any], name: str) -> str | None:
    return None if data.get(name) is None else _text(data, name)


def _id(data: Mapping[str, Any], name: str) -> bytes:
    value = _text(data, name)
    if (found := uuid_bytes(value)) is None:
        raise FormatError(f"$.{name}: {value[:60]!r} is no UUID")
    return found


def _items(value: Any, where: str) -> list[dict[str, Any]]:
    if not isinstance(value, list | tuple) or not all(isinstance(item, dict) for item in value):
        raise FormatError(f"{where}: expected a list of objects")
    return list(value)


def _datasets(groups: Any) -> Iterable[str]:
    for group in _items(groups, "$.job.outputs"):
        width = len(_member(group, "dimensions", list)) + 1
        for row in _member(group, "rows", list):
            if not isinstance(row, list) or len(row) != width or not isinstance(row[0], str):
                told = str(group.get("dataset_type"))[:60]
                raise FormatError(f"$.job.outputs: a row of {told} doesn't have its dimensions")
            yield row[0]
