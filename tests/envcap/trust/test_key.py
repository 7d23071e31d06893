# SPDX-License-Identifier: Apache-2.0
"""The user's key: made once, kept from others, and worth nothing where it can't be kept."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from envcap.trust.key import Key, KeyFileError, key_path

DIGEST = "sha256:" + "ab" * 32


def test_it_is_made_once_and_is_the_users_alone(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "key"
    made = Key.own(str(path), str(tmp_path / "store"))
    assert Key.own(str(path), str(tmp_path / "store")).id == made.id
    assert path.stat().st_mode & 0o777 == 0o600
    assert [p.name for p in path.parent.iterdir()] == ["key"]


def test_two_users_have_two_keys(tmp_path: Path) -> None:
    one, other = (Key.own(str(tmp_path / name), str(tmp_path / "store")) for name in "ab")
    assert one.id != other.id
    assert not other.made(one.seal("result", DIGEST), "result", DIGEST)


def test_processes_that_make_it_at_once_agree(tmp_path: Path) -> None:
    code = f"from envcap.trust.key import Key; print(Key.own({str(tmp_path / 'd' / 'key')!r}, '/nowhere').id)"
    started = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(6)]
    assert len({process.communicate()[0] for process in started}) == 1


def test_a_seal_is_of_one_kind_and_one_digest() -> None:
    key = Key(b"k" * 32)
    seal = key.seal("manifest", DIGEST)
    assert key.made(seal, "manifest", DIGEST)
    assert not key.made(seal, "result", DIGEST)
    assert not key.made(seal, "manifest", "sha256:" + "ac" * 32)
    assert not key.made(seal[:-1] + ("0" if seal[-1] != "0" else "1"), "manifest", DIGEST)
    assert not key.made("é", "manifest", DIGEST)


def test_its_id_says_nothing_about_it() -> None:
    assert Key(b"k" * 32).id not in (b"k" * 32).hex()
    assert Key(b"k" * 32).id != Key(b"l" * 32).id


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda p: p.chmod(0o644), "open to other users"),
        (lambda p: p.write_bytes(b"short"), "no key of 32 bytes"),
        (lambda p: p.write_bytes(b"l" * 33), "no key of 32 bytes"),
        (lambda p: (p.unlink(), p.mkdir()), "Is a directory"),
        (lambda p: (p.unlink(), os.mkfifo(p, 0o600)), "no key of 32 bytes"),
    ],
)
def test_what_is_no_key_is_refused(tmp_path: Path, spoil: object, told: str) -> None:
    path = tmp_path / "key"
    Key.own(str(path), str(tmp_path / "store"))
    spoil(path)  # type: ignore[operator]
    with pytest.raises(KeyFileError, match=told):
        Key.own(str(path), str(tmp_path / "store"))


def test_a_key_in_the_store_is_refused(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "store")
    with pytest.raises(KeyFileError, match="lies in the store"):
        Key.own(str(tmp_path / "link" / "key"), str(tmp_path / "store"))
    assert not (tmp_path / "store" / "key").exists()


def test_where_it_is(monkeypatch: pytest.MonkeyPatch, own_config: Path) -> None:
    monkeypatch.delenv("ENVCAP_KEY", raising=False)
    assert key_path() == str(own_config / "key")
    monkeypatch.setenv("ENVCAP_KEY", "/elsewhere/key")
    assert key_path() == "/elsewhere/key"
