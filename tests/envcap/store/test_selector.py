# SPDX-License-Identifier: Apache-2.0
"""Selectors: every kind, what wins where several answer, and what is said where none or too many do."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from envcap.errors import AmbiguousSelectorError, UnknownSelectorError, UsageError
from envcap.store.index import Index
from envcap.store.local import LocalStore
from envcap.store.selector import MIN_PREFIX, resolve

pytestmark = pytest.mark.usefixtures("database")

AddAttempt = Callable[..., str]
Find = Callable[..., str]

QUANTUM = "0192f1c2-5a1e-7c8d-9e0f-112233445566"
DATASET = "7d1f1f0e-1111-4222-8333-444455556666"


@pytest.fixture
def find(store: LocalStore) -> Find:
    """Give a function that resolves a selector to an attempt's id."""
    return lambda selector, **options: resolve(Index(store), str(selector), **options).manifest.attempt


class TestKinds:
    """Every kind of name."""

    def test_attempt(self, find: Find, add_attempt: AddAttempt) -> None:
        mine, other = add_attempt("a"), add_attempt("b")
        for selector in (f"attempt:{mine}", mine, f"attempt:{mine.upper()}"):
            assert find(selector) == mine
        # Attempts of one minute share their first digits: the shortest prefix that tells the two apart.
        size = next(i for i in range(36) if mine[i] != other[i]) + 1
        assert find(f"attempt:{mine[:size]}") == mine
        assert find(other[:size]) == other

    def test_job(self, find: Find, add_attempt: AddAttempt) -> None:
        mine = add_attempt("night:12/a b")
        add_attempt("night")
        assert find("job:night:12/a b") == mine
        assert find("night:12/a b") == mine
        with pytest.raises(UnknownSelectorError):
            find("job:night:12")

    def test_quantum(self, find: Find, add_attempt: AddAttempt) -> None:
        mine = add_attempt(quantum=QUANTUM)
        add_attempt(quantum="1" + QUANTUM[1:])
        for selector in (f"quantum:{QUANTUM}", QUANTUM, f"quantum:{QUANTUM[:8]}", QUANTUM[:8], QUANTUM.upper()):
            assert find(selector) == mine

    def test_dataset(self, find: Find, add_attempt: AddAttempt) -> None:
        mine = add_attempt(quantum=QUANTUM, datasets=(DATASET, "1" + DATASET[1:]))
        add_attempt(quantum="1" + QUANTUM[1:], datasets=("2" + DATASET[1:],))
        for selector in (f"dataset:{DATASET}", DATASET, f"dataset:{DATASET[:7]}", DATASET[:7]):
            assert find(selector) == mine

    def test_digest_of_a_recipe_manifest_or_output(
        self, find: Find, add_attempt: AddAttempt, store: LocalStore
    ) -> None:
        mine = add_attempt("a", argv=("mine",), outputs={"/x": b"mine"})
        add_attempt("b", argv=("other",), outputs={"/x": b"other"})
        attempt = resolve(Index(store), "job:a")
        output = "sha256:" + hashlib.sha256(b"mine").hexdigest()
        for digest in (attempt.digest, attempt.manifest.recipe.digest, output):
            for selector in (digest, digest[:20], digest[7:27], f"sha256:{digest[7:].upper()}"):
                assert find(selector) == mine

    def test_last(self, find: Find, add_attempt: AddAttempt) -> None:
        add_attempt("a")
        mine = add_attempt("b", status=None)
        add_attempt("inside b", parent=mine)
        add_attempt("b again", replay_of=mine)
        assert find("@last") == mine
        assert find("@last", replays=True) != mine


class TestFile:
    """A file that a job wrote, wherever it stands now."""

    @pytest.fixture
    def output(self, tmp_path: Path) -> Path:
        """Give an output file."""
        path = tmp_path / "out.fits"
        path.write_bytes(b"science")
        return path

    def test_by_its_path(self, find: Find, add_attempt: AddAttempt, output: Path) -> None:
        mine = add_attempt("a", outputs={str(output): b"science"})
        assert find(f"path:{output}") == find(output) == mine
        output.unlink()
        assert find(f"path:{output}") == mine
        with pytest.raises(UnknownSelectorError):
            find(output)

    def test_by_a_relative_path(
        self, find: Find, add_attempt: AddAttempt, output: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        mine = add_attempt("a", outputs={str(output): b"science"})
        monkeypatch.chdir(output.parent)
        output.unlink()
        assert find("path:./out.fits") == mine

    def test_renamed_by_its_content(self, find: Find, add_attempt: AddAttempt, output: Path) -> None:
        mine = add_attempt("a", outputs={str(output): b"science"})
        add_attempt("b", outputs={"/elsewhere": b"other science"})
        renamed = output.rename(output.with_name("renamed.dat"))
        assert find(f"path:{renamed}") == find(renamed) == mine
        renamed.write_bytes(b"changed")
        with pytest.raises(UnknownSelectorError):
            find(renamed)

    def test_content_counts_more_than_the_path(self, find: Find, add_attempt: AddAttempt, output: Path) -> None:
        mine = add_attempt("a", outputs={"/first/place": b"science"})
        other = add_attempt("b", outputs={str(output): b"other science"})
        assert find(f"path:{output}") == mine
        output.write_bytes(b"other science")
        assert find(f"path:{output}") == other

    def test_of_equal_files_the_one_that_stands_there_counts(
        self, find: Find, add_attempt: AddAttempt, output: Path
    ) -> None:
        mine = add_attempt("a", outputs={str(output): b"science"})
        add_attempt("b", outputs={"/elsewhere": b"science"})
        assert find(f"path:{output}") == mine
        with pytest.raises(AmbiguousSelectorError):
            find(f"path:{output.rename(output.with_name('renamed'))}")

    def test_a_directory_is_wrong_usage(self, find: Find, add_attempt: AddAttempt, tmp_path: Path) -> None:
        add_attempt("a")
        with pytest.raises(UsageError, match="is a directory"):
            find(f"path:{tmp_path}")


class TestSeveral:
    """More than one attempt answers."""

    def test_the_successful_one_wins_over_a_later_failure(self, find: Find, add_attempt: AddAttempt) -> None:
        add_attempt("a", status="failed")
        mine = add_attempt("a", status="ok")
        add_attempt("a", status="failed")
        add_attempt("a", status=None)
        assert find("job:a") == mine

    def test_of_successful_ones_the_latest(self, find: Find, add_attempt: AddAttempt) -> None:
        add_attempt("a")
        mine = add_attempt("a")
        assert find("job:a") == mine

    def test_of_failures_the_latest(self, find: Find, add_attempt: AddAttempt) -> None:
        add_attempt("a", status="failed")
        mine = add_attempt("a", status=None)
        assert find("a") == mine

    def test_a_quantum_tried_twice_is_one_thing(self, find: Find, add_attempt: AddAttempt) -> None:
        mine = add_attempt(quantum=QUANTUM, datasets=(DATASET,))
        add_attempt(quantum=QUANTUM, datasets=(DATASET,), status="failed")
        assert find(f"quantum:{QUANTUM}") == find(f"dataset:{DATASET}") == mine

    def test_replays_are_left_out_unless_asked_for(self, find: Find, add_attempt: AddAttempt) -> None:
        mine = add_attempt(quantum=QUANTUM, datasets=(DATASET,), status="failed")
        replay = add_attempt(quantum=QUANTUM, datasets=(DATASET,), replay_of=mine)
        for selector in (f"quantum:{QUANTUM}", f"dataset:{DATASET}", QUANTUM):
            assert find(selector) == mine
            assert find(selector, replays=True) == replay
        assert find(f"attempt:{replay}") == replay

    def test_different_things_are_listed(self, find: Find, add_attempt: AddAttempt) -> None:
        one = add_attempt(quantum=QUANTUM, argv=("isr",))
        two = add_attempt(quantum=QUANTUM[:-1] + "7", argv=("warp",))
        with pytest.raises(AmbiguousSelectorError) as caught:
            find(f"quantum:{QUANTUM[:-1]}")
        assert caught.value.exit_code == 2
        for word in (one, two, "isr", "warp"):
            assert word in str(caught.value)

    def test_many_candidates_are_listed_in_part(self, find: Find, add_attempt: AddAttempt) -> None:
        for i in range(12):
            add_attempt(quantum=f"{QUANTUM[:-1]}{i:x}")
        with pytest.raises(AmbiguousSelectorError, match=r"; and 4 more$"):
            find(f"quantum:{QUANTUM[:-1]}")


class TestNone:
    """Nothing answers."""

    @pytest.mark.parametrize(
        "selector",
        [
            "job:nobody", "nobody", "attempt:ffffffff", "quantum:ffffffff", "dataset:ffffffff", "sha256:ffffffff",
            "path:/no/such/file", "sha256:nothex", "@first", "", "job:", "attempt:", "%", "a' OR '1'='1",
        ],
    )  # fmt: skip
    def test_is_an_unknown_selector(self, find: Find, add_attempt: AddAttempt, selector: str) -> None:
        add_attempt("a", datasets=(DATASET,), outputs={"/o": b"x"})
        with pytest.raises(UnknownSelectorError, match="answers to") as caught:
            find(selector)
        assert caught.value.exit_code == 1

    def test_an_empty_store_has_no_last(self, find: Find) -> None:
        with pytest.raises(UnknownSelectorError):
            find("@last")

    def test_a_prefix_can_be_too_short(self, find: Find, add_attempt: AddAttempt) -> None:
        mine = add_attempt(quantum=QUANTUM, datasets=(DATASET,))
        for kind, name in (("quantum", QUANTUM), ("dataset", DATASET)):
            assert find(f"{kind}:{name[:MIN_PREFIX]}") == mine
            with pytest.raises(UnknownSelectorError):
                find(f"{kind}:{name[: MIN_PREFIX - 1]}")


def test_what_is_not_ingested_yet_is_found(store: LocalStore, add_attempt: AddAttempt) -> None:
    Index(store).close()
    mine = add_attempt("a")
    assert resolve(Index(store), "job:a").manifest.attempt == mine


def test_a_read_only_store_resolves(
    store: LocalStore, add_attempt: AddAttempt, read_only: Callable[[str], str]
) -> None:
    mine = add_attempt("a")
    assert resolve(Index(LocalStore(read_only(store.root))), "job:a").manifest.attempt == mine
