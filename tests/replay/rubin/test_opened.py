# SPDX-License-Identifier: Apache-2.0
"""What a server keeps open has no connection when it forks, is what stands there now, and knows what is in it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from lsst.daf.butler import Butler, DatasetType

from replay.rubin.inside import opened


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """Make a repository."""
    Butler.makeRepo(str(tmp_path / "repo"))
    return tmp_path / "repo"


def request_for(repo: Path) -> dict[str, Any]:
    """Return what of a request counts here."""
    return {"isolated": str(repo), "repository": str(repo)}


def databases() -> list[str]:
    """Return the databases that this process has open."""
    found = []
    for name in os.listdir("/proc/self/fd"):
        try:
            found.append(os.readlink(f"/proc/self/fd/{name}"))
        except OSError:
            continue
    return [path for path in found if path.endswith(".sqlite3")]


@pytest.mark.parametrize("open_it", [opened.source_butler, opened.isolated_butler])
def test_no_connection_is_left_and_the_same_butler_serves_again(repo: Path, open_it: Any) -> None:
    butler = open_it(request_for(repo))
    assert list(butler.collections.query("*")) == []
    assert databases()
    opened.disconnect_all()
    assert databases() == []
    assert open_it(request_for(repo)) is butler
    assert list(butler.collections.query("*")) == []


def test_a_repository_in_the_place_of_another_is_opened_anew(repo: Path) -> None:
    first = opened.isolated_butler(request_for(repo))
    assert not opened.is_told(request_for(repo), "something")
    assert opened.is_told(request_for(repo), "something")
    shutil.rmtree(repo)
    Butler.makeRepo(str(repo))
    assert opened.isolated_butler(request_for(repo)) is not first
    assert not opened.is_told(request_for(repo), "something")


def test_after_an_error_everything_is_opened_anew(repo: Path) -> None:
    first = opened.isolated_butler(request_for(repo))
    assert not opened.is_told(request_for(repo), "something")
    opened.forget_all()
    assert databases() == []
    assert opened.isolated_butler(request_for(repo)) is not first
    assert not opened.is_told(request_for(repo), "something")


def test_what_the_server_of_another_environment_wrote_is_known(repo: Path) -> None:
    butler = opened.isolated_butler(request_for(repo))
    assert list(butler.registry.queryDatasetTypes("made")) == []
    opened.note_written(request_for(repo))
    other = Butler.from_config(str(repo), writeable=True, run="u/r")
    other.registry.registerDatasetType(DatasetType("made", (), "StructuredDataDict", universe=other.dimensions))
    ref = other.put({"a": 1}, "made")
    assert opened.isolated_butler(request_for(repo)) is butler
    assert butler.get(butler.get_dataset(ref.id)) == {"a": 1}


def test_nothing_is_looked_up_again_if_nobody_else_wrote(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    butler = opened.isolated_butler(request_for(repo))
    butler.collections.register("u/own")
    opened.note_written(request_for(repo))
    refreshed: list[int] = []
    monkeypatch.setattr(butler._registry, "refresh", lambda: refreshed.append(1))
    opened.isolated_butler(request_for(repo))
    assert refreshed == []
    Butler.from_config(str(repo), writeable=True).collections.register("u/other")
    opened.isolated_butler(request_for(repo))
    assert refreshed == [1]
