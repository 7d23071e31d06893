# SPDX-License-Identifier: Apache-2.0
"""What can't be kept has its digest all the same, and is an outcome."""

from __future__ import annotations

from pathlib import Path

from envcap.digest import digest_of
from envcap.model.manifest import Outcome
from envcap.store.keeper import Keeper
from envcap.store.local import LocalStore


def test_a_document_is_kept_under_its_descriptor(tmp_path: Path) -> None:
    store, document = LocalStore(str(tmp_path)), Outcome(status="captured")
    keeper = Keeper(store)
    descriptor = keeper.document(document)
    assert keeper.failure is None
    assert store.get(descriptor.digest) == document.to_bytes()
    assert descriptor.size == len(document.to_bytes())


def test_what_can_not_be_kept_is_an_outcome_and_nothing_more_is_tried(tmp_path: Path) -> None:
    (tmp_path / "objects").write_text("no directory")
    keeper = Keeper(LocalStore(str(tmp_path)))
    assert keeper.blob("text/plain", b"x").digest == digest_of(b"x")
    assert keeper.failure is not None
    assert keeper.failure.status == "failed"
    assert (keeper.failure.reason or "").startswith("captured, but not kept: ")
    (tmp_path / "objects").unlink()
    keeper.blob("text/plain", b"y")
    assert not (tmp_path / "objects").exists()
