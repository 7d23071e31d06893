# SPDX-License-Identifier: Apache-2.0
"""A configuration is parsed once on a node, as long as the store has what was made of it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from envcap.collectors import rubin_quantum
from envcap.errors import StoreError
from envcap.hooks.configuration import KeptConfiguration, kept_configuration
from envcap.model.components import RubinConfig
from envcap.redact import CLEAN
from envcap.store.local import LocalStore

TEXT = "import a.b\nassert type(config) is a.b.C\nconfig.threshold=5.0\n"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the user's cache, which is empty."""
    path = tmp_path / "cache"
    monkeypatch.setenv("ENVCAP_CACHE", str(path))
    monkeypatch.setattr(time, "time_ns", lambda: 1 << 62)  # the rules may be as young as this checkout
    return path


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Give the texts that were parsed."""
    texts: list[str] = []
    keep = rubin_quantum.keep_config

    def noting(text: str, *others: object) -> object:
        texts.append(text)
        return keep(text, *others)  # type: ignore[arg-type]

    monkeypatch.setattr(rubin_quantum, "keep_config", noting)
    return texts


def fields(kept: KeptConfiguration, store: LocalStore) -> object:
    """Return what a configuration says, whose text is in the store, too."""
    document = RubinConfig.from_bytes(store.get(kept[0].digest))
    assert store.get(document.text.digest).decode() == TEXT
    return document.fields


def test_it_is_parsed_once(store: LocalStore, parsed: list[str]) -> None:
    first, again = kept_configuration(TEXT, store), kept_configuration(TEXT, store)
    assert first == again
    assert first[1:] == (None, {})
    assert parsed == [TEXT]
    assert fields(again, store) == {"threshold": "5.0"}


def test_another_text_is_another_configuration(store: LocalStore, parsed: list[str]) -> None:
    other = TEXT.replace("5", "7")
    assert kept_configuration(TEXT, store)[0] != kept_configuration(other, store)[0]
    assert parsed == [TEXT, other]


@pytest.mark.parametrize("lost", ["document", "text"])
def test_what_the_store_has_no_more_is_kept_again(store: LocalStore, parsed: list[str], lost: str) -> None:
    kept = kept_configuration(TEXT, store)[0].digest
    text = RubinConfig.from_bytes(store.get(kept)).text.digest
    (gone,) = Path(store.root).rglob(f"*{(kept if lost == 'document' else text)[-40:]}*")
    gone.unlink()
    assert fields(kept_configuration(TEXT, store), store) == {"threshold": "5.0"}
    assert parsed == [TEXT, TEXT]


def test_by_other_rules_it_is_parsed_again(
    store: LocalStore, parsed: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    kept_configuration(TEXT, store)
    rules = tmp_path / "rules"
    rules.touch()
    monkeypatch.setattr(CLEAN, "judged_by", (str(rules),))
    kept_configuration(TEXT, store)
    assert parsed == [TEXT, TEXT]


def test_one_with_a_secret_is_not_remembered(store: LocalStore, parsed: list[str], cache: Path) -> None:
    secret = TEXT + "config.password='hunter2hunter2'\n"
    for _ in range(2):
        assert kept_configuration(secret, store)[2] == {"configuration.fields.password": "secret-name"}
    assert parsed == [secret, secret]
    assert not any(path.is_file() for path in cache.rglob("*"))


def test_what_was_taken_out_before_is_told_each_time(store: LocalStore) -> None:
    marked = TEXT + "config.note='<scrubbed:github-token>'\n"
    for _ in range(2):
        assert kept_configuration(marked, store)[2] == {"configuration.fields.note": "github-token"}


def test_nor_is_one_that_is_refused_and_has_a_secret(store: LocalStore, parsed: list[str], cache: Path) -> None:
    secret = TEXT + "print()\nconfig.password='hunter2hunter2'\n"  # what is refused, and told, is the line before it
    for _ in range(2):
        refused = RubinConfig.from_bytes(store.get(kept_configuration(secret, store)[0].digest))
        assert b"hunter2" not in store.get(refused.text.digest)
    assert parsed == [secret, secret]
    assert not any(path.is_file() for path in cache.rglob("*"))


def test_one_that_could_not_be_kept_is_not_remembered(
    store: LocalStore, parsed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: LocalStore, data: bytes) -> str:
        raise StoreError("no room")

    with monkeypatch.context() as patched:
        patched.setattr(LocalStore, "put", refuse)
        failure = kept_configuration(TEXT, store)[1]
        assert failure is not None
        assert failure.status == "failed"
    assert fields(kept_configuration(TEXT, store), store) == {"threshold": "5.0"}
    assert parsed == [TEXT, TEXT]
