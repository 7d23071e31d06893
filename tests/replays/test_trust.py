# SPDX-License-Identifier: Apache-2.0
"""A manifest is hostile until trusted: nothing that it names is run, not even to look."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from envcap.digest import digest_of
from envcap.ids import uuid7
from envcap.model.components import Site
from envcap.model.manifest import Manifest
from envcap.model.result import Result
from envcap.store.journal import Journal
from envcap.store.keeper import Keeper
from tests.observatory import Observatory

_ONE = "detector = 0 AND exposure = 2026031400001"


@pytest.fixture
def hostile(own: Observatory, tmp_path: Path) -> tuple[str, Path]:
    """Forge a manifest whose interpreter is a program of the forger's; return its attempt and the program's mark."""
    own.observe(where=_ONE)
    mark = tmp_path / "mark"
    program = tmp_path / "bin" / "python3"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\ntouch {mark}\necho 3.11\n")
    program.chmod(0o755)
    store = own.index().store
    attempt = own.attempt("measure {")
    assert attempt.manifest.site is not None
    assert attempt.result is not None
    places = json.loads(store.get(attempt.manifest.site.digest))["places"]
    places["interpreter"]["executable"] = str(program)
    site = Keeper(store).document(Site(places=places))
    forged = uuid7()
    manifest = Manifest.checked({**attempt.manifest.data, "attempt": forged, "job_id": "forged", "site": site.data})
    named = {"attempt": forged, "manifest": digest_of(manifest.to_bytes())}
    result = Result.checked({**attempt.result.data, **named})
    Journal(store.root).append(
        ("recipe", attempt.recipe.to_bytes()), ("manifest", manifest.to_bytes()), ("result", result.to_bytes())
    )
    return forged, mark


def test_nothing_of_a_foreign_manifest_is_run(own: Observatory, hostile: tuple[str, Path]) -> None:
    forged, mark = hostile
    for engine in ("venv", "host"):
        for command in ("plan", "run"):
            done = own.run("replay", command, f"attempt:{forged}", "--engine", engine)
            assert done.returncode == 3
            assert "manifest is impossible: foreign" in done.stderr
            assert "--trust" in done.stderr
    assert not mark.exists()
    planned = own.run("replay", "plan", f"attempt:{forged}", "--trust")
    assert mark.exists(), "the positive control: with --trust, the plan does ask the interpreter that is named"
    assert "taken on your word" in planned.stdout


def test_what_was_tampered_with_is_refused_even_if_it_is_trusted(own: Observatory) -> None:
    own.observe(where=_ONE)
    attempt = own.attempt("measure {")
    assert attempt.result is not None
    changed = Result.checked({**attempt.result.data, "outputs": []})
    assert attempt.result_seal is not None
    journal = Journal(own.index().store.root)
    journal._seal = lambda kind, digest: str(attempt.result_seal)  # type: ignore[method-assign]
    journal.append(("result", changed.to_bytes()))
    done = own.run("replay", "plan", f"attempt:{attempt.manifest.attempt}", "--trust")
    assert done.returncode == 3
    assert "tampered: the seal of its result" in done.stderr


def test_another_users_dataset(own: Observatory, tmp_path: Path) -> None:
    own.observe(where=_ONE)
    uuid, _ = own.dataset("catalog", "u/me/own")
    done = own.run("env", f"ENVCAP_KEY={tmp_path / 'mine'}", "rerun-dataset", str(own.world.repo), uuid)
    assert done.returncode == 3
    assert "manifest is impossible: foreign" in done.stderr

    signed = own.run("envcap", "sign", "--all")
    config = tmp_path / "config" / "envcap"
    config.mkdir(parents=True)
    (config / "signers").write_text("operations " + signed.stdout.partition(" ")[2])
    me = ("env", "-u", "ENVCAP_KEY", f"XDG_CONFIG_HOME={config.parent}")
    done = own.run(*me, "rerun-dataset", str(own.world.repo), uuid)
    assert done.returncode == 0, done.stderr
    assert "signed by operations" in done.stdout
