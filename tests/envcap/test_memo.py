# SPDX-License-Identifier: Apache-2.0
"""What is remembered on a node: only what still stands, never a credential, and never in a job's way."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from envcap.collectors.base import Collected, Collector, Keep
from envcap.environment import capture_environment
from envcap.fingerprint import Fingerprint, fingerprint
from envcap.memo import Memo, cache_dir
from envcap.model.components import Numerics
from envcap.store.local import LocalStore
from envcap.target import Target

STATE = Fingerprint("a" * 64, 0)
Counted = Callable[..., tuple[type[Collector], list[int]]]


@pytest.fixture
def memo(tmp_path: Path) -> Memo:
    """Give a memo that holds nothing."""
    return Memo(str(tmp_path / "memo"))


def test_what_was_put_is_found_by_its_fingerprint_alone(memo: Memo) -> None:
    assert memo.get("a", STATE) is None
    memo.put("a", STATE, {"x": [1]})
    assert memo.get("a", STATE) == {"x": [1]}
    assert memo.get("b", STATE) is None
    assert memo.get("a", Fingerprint("b" * 64, 0)) is None


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"version": "0"}', b"null", b"\xff", b'{"version": "1"}'])
def test_one_that_is_broken_is_none(memo: Memo, tmp_path: Path, content: bytes) -> None:
    memo.put("a", STATE, 1)
    (path,) = (tmp_path / "memo").iterdir()
    path.write_bytes(content)
    assert memo.get("a", STATE) is None


def test_one_that_cannot_be_written_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    memo = Memo(str(tmp_path / "file"))
    memo.put("a", STATE, 1)
    assert memo.get("a", STATE) is None


def test_nothing_with_a_credential_is_kept(memo: Memo, tmp_path: Path) -> None:
    memo.put("https://u:hunter2hunter2@host/", STATE, {"url": "https://u:hunter2hunter2@host/x"})
    memo.put("b", STATE, {"url": "https://host/x"})
    assert memo.get("b", STATE) is not None
    kept = b"".join(path.read_bytes() for path in (tmp_path / "memo").iterdir())
    assert b"hunter2" not in kept


def test_each_start_of_the_node_has_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ENVCAP_CACHE", str(tmp_path))
    Memo().put("a", STATE, 1)
    assert Memo().get("a", STATE) == 1
    monkeypatch.setattr("envcap.memo.boot_id", lambda: "another")
    assert Memo().get("a", STATE) is None
    assert cache_dir() == str(tmp_path)


class TestFingerprint:
    def test_size_and_time_may_be_forged_but_not_the_time_of_change(self, tmp_path: Path) -> None:
        path = tmp_path / "file"
        path.write_text("one")
        before, state = fingerprint([str(path)]), path.stat()
        assert fingerprint([str(path)]).digest == before.digest
        time.sleep(0.02)
        path.write_text("two")
        os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
        assert (path.stat().st_size, path.stat().st_mtime_ns) == (state.st_size, state.st_mtime_ns)
        assert fingerprint([str(path)]).digest != before.digest

    def test_what_is_gone_or_comes_changes_it(self, tmp_path: Path) -> None:
        path = tmp_path / "file"
        none = fingerprint([str(path)])
        path.touch()
        there = fingerprint([str(path)])
        path.unlink()
        assert there.digest != none.digest == fingerprint([str(path)]).digest

    def test_facts_count_too(self) -> None:
        assert fingerprint((), ["a"]).digest != fingerprint((), ["b"]).digest

    def test_a_change_of_just_now_settles_nothing(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        found = fingerprint([str(tmp_path / "file")])
        now = time.time_ns()
        assert not found.is_settled(now)
        assert found.is_settled(now + 3 * 10**9)


class TestMemoising:
    """Only what was the same before and after it was looked at is remembered."""

    @pytest.fixture
    def counting(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> Callable[..., tuple[type[Collector], list[int]]]:
        """Give a function that makes a collector of one file, which may be changed while it is read."""
        monkeypatch.setattr("envcap.fingerprint._RACY_NS", 0)
        path = tmp_path / "looked-at"
        path.write_text("0")

        def make(*, changes: bool) -> tuple[type[Collector], list[int]]:
            reads: list[int] = []

            class Counting(Collector):
                kind = "numerics"

                def looked_at(self, target: Target) -> list[str]:
                    return [str(path)]

                def collect(self, target: Target, keep: Keep) -> Collected:
                    reads.append(1)
                    if changes:
                        path.write_text(str(len(reads)))
                    return Collected(Numerics(variables={"OMP_NUM_THREADS": path.read_text()}))

            return Counting, reads

        return make

    @pytest.mark.parametrize("changes", [False, True])
    def test_a_change_meanwhile(self, changes: bool, counting: Counted, store: LocalStore) -> None:
        collector, reads = counting(changes=changes)
        for _ in range(3):
            capture_environment(Target.none({}), store, [collector])
        assert len(reads) == (3 if changes else 1)

    def test_another_store_is_given_the_component_too(
        self, counting: Counted, store: LocalStore, tmp_path: Path
    ) -> None:
        collector, reads = counting(changes=False)
        found = capture_environment(Target.none({}), store, [collector])
        other = LocalStore(str(tmp_path / "other"))
        other.create()
        again = capture_environment(Target.none({}), other, [collector])
        assert again.software == found.software
        assert other.has(found.software["numerics"].digest)
        assert len(reads) == 2
