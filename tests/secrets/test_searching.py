# SPDX-License-Identifier: Apache-2.0
"""The search that proves the absence of secrets finds one wherever and however a store could hold it."""

from __future__ import annotations

import base64
import gzip
import json
import sqlite3
import zlib
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pyarrow as pa
import pytest

from envcap.store.journal import Journal
from envcap.store.local import LocalStore
from tests.secrets.canaries import BY_NAME
from tests.secrets.searching import Finder

_CANARY = BY_NAME["url_raw_at"]
_SECRET = _CANARY.secret

_WRITINGS: dict[str, Callable[[str], bytes]] = {
    "plain": str.encode,
    "the_first_half": lambda text: text[: len(text) // 2 + 2].encode(),
    "the_last_half": lambda text: text[-len(text) // 2 - 2 :].encode(),
    "json": lambda text: json.dumps({"a": text}).encode(),
    "json_in_json": lambda text: json.dumps(json.dumps({"a": text})).encode(),
    "url": lambda text: quote(text, safe="").encode(),
    "hexadecimal": lambda text: text.encode().hex().encode(),
    "upper_case_hexadecimal": lambda text: text.encode().hex().upper().encode(),
    "base64": lambda text: base64.b64encode(text.encode()),
    "base64_after_one_byte": lambda text: base64.b64encode(b"x" + text.encode() + b"xx"),
    "base64_after_two_bytes": lambda text: base64.b64encode(b"xx" + text.encode() + b"x"),
    "url_safe_base64": lambda text: base64.urlsafe_b64encode(b"\xff\xff\xff" + text.encode()),
    "zlib": lambda text: zlib.compress(text.encode() * 3),
    "zlib_after_others": lambda text: b"x\x9c pack" * 9 + zlib.compress(text.encode()) + b"more",
    "gzip": lambda text: gzip.compress(text.encode()),
    "zstandard": lambda text: pa.compress(text.encode(), codec="zstd", asbytes=True),
    "zlib_in_gzip": lambda text: gzip.compress(zlib.compress(text.encode())),
}


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    """Give an empty store."""
    made = LocalStore(str(tmp_path))
    made.create()
    return made


@pytest.mark.parametrize("writing", _WRITINGS)
def test_a_secret_in_an_object_is_found(store: LocalStore, finder: Finder, tmp_path: Path, writing: str) -> None:
    store.put(b"innocent")
    assert finder.in_files(tmp_path) == []
    store.put(b"before " + _WRITINGS[writing](_SECRET) + b" after")
    (found,) = finder.in_files(tmp_path)
    assert found.startswith(f"{_CANARY.name} in objects/")


@pytest.mark.parametrize("writing", _WRITINGS)
def test_a_secret_in_a_journal_is_found(store: LocalStore, finder: Finder, tmp_path: Path, writing: str) -> None:
    Journal(store.root).append(("recipe", b"{}"), ("manifest", _WRITINGS[writing](_SECRET)))
    (found,) = finder.in_files(tmp_path)
    assert found.startswith(f"{_CANARY.name} in journal/")


def test_a_secret_in_the_index_and_beside_it_is_found(store: LocalStore, finder: Finder, tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "index.sqlite")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE names (name TEXT)")
    connection.execute("INSERT INTO names VALUES (?)", (_SECRET,))
    connection.commit()
    assert {line.partition(" (")[0] for line in finder.in_files(tmp_path)} == {f"{_CANARY.name} in index.sqlite-wal"}
    connection.close()
    assert {line.partition(" (")[0] for line in finder.in_files(tmp_path)} == {f"{_CANARY.name} in index.sqlite"}


def test_a_secret_in_a_files_name_is_found(store: LocalStore, finder: Finder, tmp_path: Path) -> None:
    (tmp_path / _SECRET).touch()
    (found,) = finder.in_files(tmp_path)
    assert "(name)" in found


@pytest.mark.parametrize("name", BY_NAME)
def test_each_secret_is_found_in_every_writing(finder: Finder, name: str) -> None:
    for writing in ("plain", "json", "json_in_json", "url", "hexadecimal", "base64", "base64_after_one_byte"):
        assert name in finder.names(_WRITINGS[writing](BY_NAME[name].secret)), writing
