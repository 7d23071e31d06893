# SPDX-License-Identifier: Apache-2.0
"""Where a repository keeps its parts, as far as its configuration tells."""

from __future__ import annotations

from pathlib import Path

import pytest

from replay.errors import ReplayRefusedError
from replay.rubin.places import RepositoryPlaces, is_here, local_path, repository_places


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("/data/a.fits", "/data/a.fits"),
        ("file:///data/a%20b.fits", "/data/a b.fits"),
        ("s3://bucket/a.fits", None),
        ("file://[/a.fits", None),
    ],
)
def test_a_path_of_this_host(uri: str, path: str | None) -> None:
    assert local_path(uri) == path


def test_what_is_no_uri_names_no_place_of_this_host() -> None:
    assert is_here("file://[")
    assert repository_places("file://[") == RepositoryPlaces((), remote=True)


def test_all_parts_of_a_repository(tmp_path: Path) -> None:
    (store := tmp_path / "elsewhere").mkdir()
    (repo := tmp_path / "repo").mkdir()
    (repo / "butler.yaml").write_text(
        f"datastore: {{root: {store}, bad: 'file://['}}\nregistry: {{db: 'sqlite:///x'}}\n"
    )
    assert repository_places(str(repo)) == RepositoryPlaces((str(repo), str(store)), remote=False)
    (repo / "butler.yaml").write_text(f"datastore: {{root: {store}}}\nregistry: {{db: 'postgresql://host/db'}}\n")
    assert repository_places(str(repo)).remote


def test_a_configuration_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "butler.yaml").write_text("a: [")
    with pytest.raises(ReplayRefusedError, match=r"butler\.yaml"):
        repository_places(str(tmp_path))
