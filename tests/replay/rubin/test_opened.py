# SPDX-License-Identifier: Apache-2.0
"""What a server opens for its children has no connection, is what stands there now, and knows what they wrote."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from lsst.daf.butler import Butler, DatasetType

from replay.rubin.inside import opened


@pytest.fixture(autouse=True)
def nothing_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every test begin with nothing opened."""
    for name, empty in (("butlers", {}), ("graphs", {}), ("known", set()), ("unknown", set()), ("earlier", {})):
        monkeypatch.setattr(opened._Opened, name, empty)


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """Make a repository."""
    Butler.makeRepo(str(tmp_path / "repo"))
    return tmp_path / "repo"


def request_for(repo: Path, **others: Any) -> dict[str, Any]:
    """Return what of a request counts here."""
    parts: dict[str, Any] = {"inputs": [], "init_inputs": [], "outputs": []}
    return {"isolated": str(repo), "repository": f"{repo}-none", "run": "u/r", "new_run": False, **parts, **others}


def databases() -> list[str]:
    """Return the databases that this process has open."""
    return [path for path in opened._open_files() if path.endswith(".sqlite3")]


def test_what_is_opened_holds_no_connection_and_serves_a_child(repo: Path) -> None:
    butler = opened._open_for_children(str(repo), "u/r")
    assert butler is not None
    assert databases() == []
    assert opened._open_for_children(str(repo), "u/r") is butler
    child = os.fork()
    if child == 0:
        butler.collections.register("u/of/a/child")
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    butler.registry.refresh()
    assert "u/of/a/child" in butler.collections.query("*")


def test_nothing_is_kept_open_while_a_database_is(repo: Path) -> None:
    with open(repo / "gen3.sqlite3", "rb"):
        assert opened._open_for_children(str(repo), None) is None


@pytest.mark.parametrize("place", ["/no/such/place", "https://example.org/repo", "a-label", "/dev/null/repo", "a\0b"])
def test_what_is_no_repository_of_this_host_is_left_to_the_child(place: str) -> None:
    assert opened._open_for_children(place, None) is None


def test_a_repository_in_the_place_of_another_is_opened_anew(repo: Path) -> None:
    first = opened._open_for_children(str(repo), "u/r")
    assert opened.opened_isolated(request_for(repo)) is first
    shutil.rmtree(repo)
    Butler.makeRepo(str(repo))
    assert opened.opened_isolated(request_for(repo)) is not first
    assert opened._open_for_children(str(repo), "u/r") is not first


def test_what_a_child_has_written_is_known_before_the_next(repo: Path, tmp_path: Path) -> None:
    dataset = {"dataset_type": "made", "id": "0" * 32, "run": "u/r", "data_id": {}}
    request = request_for(repo, outputs=[dataset])
    path = tmp_path / "request.json"
    path.write_text(json.dumps(request))
    opened.prepare(str(path))
    shared = opened.opened_isolated(request)
    assert not opened._needed(request) <= opened._Opened.known
    other = Butler.from_config(str(repo), writeable=True, run="u/r")  # as a child of its own would
    other.registry.registerDatasetType(DatasetType("made", (), "StructuredDataDict", universe=other.dimensions))
    other.put({"a": 1}, "made")
    opened.prepare(str(path))
    assert opened._needed(request) <= opened._Opened.known
    assert opened.opened_isolated(request) is shared
    assert shared.get("made") == {"a": 1}
    # Of something else, nothing is known.
    assert not opened._needed({**request, "run": "u/other"}) <= opened._Opened.known
