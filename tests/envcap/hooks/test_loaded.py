# SPDX-License-Identifier: Apache-2.0
"""What a process had loaded, made into components again and again: what is known is not looked at any more."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from envcap.errors import StoreError
from envcap.fingerprint import Fingerprint, state_of
from envcap.hooks.loaded import LIBRARIES, MODULES, Loaded, Remembered
from envcap.hooks.mapped import mapped_files
from envcap.memo import Memo
from envcap.model.components import LoadedLibraries
from envcap.model.descriptor import Descriptor
from envcap.revalidation import recalled_document
from envcap.store.local import LocalStore

PREFIXES = ("/nowhere", "/nowhere/else")


@pytest.fixture
def libraries(tmp_path: Path) -> list[str]:
    """Give copies of two libraries, that were there for a while."""
    found = []
    for path in [path for path in mapped_files() if ".so" in path][:2]:
        copy = tmp_path / os.path.basename(path)
        shutil.copy(path, copy)
        found.append(str(copy))
    return sorted(found)


def named(store: LocalStore, component: Descriptor) -> list[str]:
    """Return the paths of a component's libraries."""
    return [one.path for one in LoadedLibraries.from_bytes(store.get(component.digest)).libraries]


def test_a_file_is_looked_at_once(store: LocalStore, libraries: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []

    def look(path: str) -> tuple[str, int]:
        looked.append(path)
        return state_of(path)

    monkeypatch.setattr("envcap.hooks.loaded.state_of", look)
    remembered = Remembered(store, PREFIXES, {})
    for paths in (libraries[:1], libraries, libraries):
        found = Loaded(paths, [], []).documented(remembered)
        assert named(store, found.components[LIBRARIES]) == paths
    assert looked == libraries
    again = Loaded(libraries, [], []).documented(Remembered(store, PREFIXES, {}))
    assert again.components == found.components
    assert looked == libraries * 2


def test_another_process_notices_another_file(store: LocalStore, libraries: list[str]) -> None:
    found = []
    for _ in range(2):
        documented = Loaded(libraries[:1], [], []).documented(Remembered(store, PREFIXES, {}))
        found.append(documented.components[LIBRARIES])
        shutil.copy(libraries[1], libraries[0])
    assert found[0] != found[1]


def test_what_could_not_be_kept_is_kept_the_next_time(
    store: LocalStore, libraries: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    remembered = Remembered(store, PREFIXES, {})
    put = store.put

    def full(data: bytes) -> str:
        raise StoreError("no room")

    monkeypatch.setattr(store, "put", full)
    first = Loaded(libraries, [], []).documented(remembered)
    assert {kind: first.outcomes[kind].status for kind in (LIBRARIES, MODULES)} == {
        LIBRARIES: "failed",
        MODULES: "failed",
    }
    monkeypatch.setattr(store, "put", put)
    second = Loaded(libraries, [], []).documented(remembered)
    assert second.failures == {}
    assert named(store, second.components[LIBRARIES]) == libraries


def test_what_an_earlier_process_found_is_recalled_once(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = Loaded([path for path in mapped_files() if "/libc" in path or "/libm" in path], [], [])
    made = loaded.documented(Remembered(store, PREFIXES, {}))
    asked: list[str] = []

    def recall(memo: Memo, subject: str, state: Fingerprint, where: LocalStore) -> Descriptor | None:
        asked.append(subject.partition("\n")[0])
        found = recalled_document(memo, subject, state, where)
        assert found is not None
        return found

    monkeypatch.setattr("envcap.hooks.loaded.recalled_document", recall)
    remembered = Remembered(store, PREFIXES, {})
    for _ in range(2):
        assert loaded.documented(remembered).components == made.components
    assert asked == [LIBRARIES, MODULES]
