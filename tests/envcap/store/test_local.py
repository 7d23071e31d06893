# SPDX-License-Identifier: Apache-2.0
"""A store in a directory: the four verbs, damage, full and read-only disks, writers that are killed."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from envcap.digest import digest_of
from envcap.errors import CorruptError, FormatError, StoreError
from envcap.ids import is_uuid
from envcap.store.local import LocalStore

DATA = b"some bytes\0\xff"
DIGEST = "sha256:" + hashlib.sha256(DATA).hexdigest()
ABSENT = "sha256:" + "0" * 64


def object_path(store: LocalStore, digest: str) -> Path:
    """Return where the format says that an object stands (DESIGN section 4)."""
    return Path(store.root, "objects", digest[7:9], digest[9:])


def test_what_is_put_is_there(store: LocalStore) -> None:
    assert not store.has(DIGEST)
    assert list(store.list()) == []
    assert store.put(DATA) == DIGEST
    assert store.has(DIGEST)
    assert store.get(DIGEST) == DATA
    assert object_path(store, DIGEST).read_bytes() == DATA
    other = store.put(b"")
    assert sorted(store.list()) == sorted([DIGEST, other])
    assert store.get(other) == b""


def test_putting_again_writes_nothing(store: LocalStore) -> None:
    store.put(DATA)
    before = object_path(store, DIGEST).stat()
    store.put(DATA)
    after = object_path(store, DIGEST).stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)
    assert list(store.list()) == [DIGEST]


@pytest.mark.parametrize("where", [0, len(DATA) // 2, len(DATA) - 1])
def test_one_flipped_bit_is_found_and_the_object_named(store: LocalStore, where: int) -> None:
    store.put(DATA)
    other = store.put(b"other")
    damaged = bytearray(DATA)
    damaged[where] ^= 1
    object_path(store, DIGEST).write_bytes(damaged)
    with pytest.raises(CorruptError, match=DIGEST):
        store.get(DIGEST)
    assert store.get(other) == b"other"


@pytest.mark.parametrize("content", [b"", DATA[:-1], DATA + b"\0"])
def test_a_shortened_or_longer_object_is_corrupt(store: LocalStore, content: bytes) -> None:
    store.put(DATA)
    object_path(store, DIGEST).write_bytes(content)
    with pytest.raises(CorruptError, match=DIGEST):
        store.get(DIGEST)


def test_a_missing_object_is_named(store: LocalStore) -> None:
    with pytest.raises(StoreError, match=f"object {ABSENT} is missing") as caught:
        store.get(ABSENT)
    assert not isinstance(caught.value, CorruptError)
    assert not store.has(ABSENT)


def test_what_is_no_digest_reaches_no_file(store: LocalStore, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    for verb in (store.get, store.has):
        with pytest.raises(FormatError):
            verb("sha256:" + "../" * 3 + "secret")


def test_an_object_that_is_a_directory_is_a_store_error(store: LocalStore) -> None:
    object_path(store, ABSENT).mkdir(parents=True)
    with pytest.raises(StoreError, match=ABSENT):
        store.get(ABSENT)


class TestPlace:
    """Where a store is, and whether it is one."""

    def test_is_made_by_the_first_writer(self, tmp_path: Path) -> None:
        store = LocalStore(str(tmp_path / "deep" / "store"))
        with pytest.raises(StoreError, match="no store at"):
            LocalStore.existing(store.root)
        store.create()
        store.create()
        assert LocalStore.existing(store.root).root == store.root
        told = json.loads((tmp_path / "deep" / "store" / "format.json").read_text())
        assert told == {"envcap": "1", "id": store.identity}
        assert is_uuid(store.identity)
        assert [path.name for path in (tmp_path / "deep" / "store").iterdir()] == ["format.json"]

    @pytest.mark.parametrize("text", ['{"envcap":"7"}', '{"envcap":0}', "{}", "[]", "nonsense", ""])
    def test_of_another_format_is_refused(self, store: LocalStore, text: str) -> None:
        Path(store.root, "format.json").write_text(text)
        with pytest.raises(FormatError):
            LocalStore.existing(store.root)

    def test_of_another_format_is_not_written_into(self, store: LocalStore) -> None:
        Path(store.root, "format.json").write_text('{"envcap":"7"}')
        with pytest.raises((FormatError, StoreError)):
            store.create()

    def test_that_can_not_be_made_is_a_store_error(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(StoreError, match="can't make a store at"):
            LocalStore(str(tmp_path / "file" / "store")).create()

    def test_whose_format_can_not_be_read_is_a_store_error(self, tmp_path: Path) -> None:
        (tmp_path / "format.json").mkdir()
        with pytest.raises(StoreError, match="directory"):
            LocalStore.existing(str(tmp_path))


class TestTrouble:
    """Disks that are full or read-only, writers that are many or killed."""

    def test_a_full_disk_is_said_and_leaves_no_scrap(self, small_disk: Path) -> None:
        store = LocalStore(str(small_disk / "store"))
        store.create()
        store.put(DATA)
        with pytest.raises(StoreError, match="No space left on device"):
            store.put(os.urandom(1 << 20))
        assert list(store.list()) == [DIGEST]
        assert not list(Path(store.root).rglob("*.tmp"))
        assert store.get(store.put(b"small")) == b"small"

    def test_a_read_only_store_is_read_and_says_so(self, store: LocalStore, read_only: Callable[[str], str]) -> None:
        store.put(DATA)
        seen = LocalStore.existing(read_only(store.root))
        assert seen.get(DIGEST) == DATA
        assert seen.put(DATA) == DIGEST
        with pytest.raises(StoreError, match="Read-only file system"):
            seen.put(b"new")
        seen.create()

    def test_a_killed_writer_leaves_whole_objects_only(self, store: LocalStore) -> None:
        code = (
            "import os, sys\nfrom envcap.store.local import LocalStore\n"
            "store = LocalStore(sys.argv[1])\nwhile True: store.put(os.urandom(1 << 22))"
        )
        child = subprocess.Popen([sys.executable, "-c", code, store.root])
        end = time.monotonic() + 20
        while sum(1 for _ in store.list()) < 4 and time.monotonic() < end:
            time.sleep(0.01)
        child.kill()
        assert child.wait() == -9
        listed = list(store.list())
        assert len(listed) >= 4
        assert all(digest_of(store.get(digest)) == digest for digest in listed)

    def test_many_writers_of_the_same_objects_agree(self, store: LocalStore) -> None:
        code = (
            "import sys\nfrom envcap.store.local import LocalStore\n"
            "for i in range(100): LocalStore(sys.argv[1]).put(b'%d' % i * 1000)"
        )
        children = [subprocess.Popen([sys.executable, "-c", code, store.root]) for _ in range(4)]
        assert [child.wait() for child in children] == [0, 0, 0, 0]
        assert {store.get(digest) for digest in store.list()} == {b"%d" % i * 1000 for i in range(100)}
        assert not list(Path(store.root).rglob("*.tmp"))
