# SPDX-License-Identifier: Apache-2.0
"""Which Dockerfile an image comes from: at both levels of a chain, whatever is inherited or renamed."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator, Mapping

import pytest

from tests.containers.conftest import Harbour
from tests.services.docker_engine import DockerEngine

_BASE_COMMIT = "a" * 40
_CHILD_COMMIT = "b" * 40
_REVISION = "org.opencontainers.image.revision"


def _root(files: Mapping[str, str]) -> bytes:
    """Return the archive of a small root file system."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as made:
        for name, text in {"etc/os-release": "ID=tiny\n", **files}.items():
            info = tarfile.TarInfo(name)
            info.size = len(text)
            made.addfile(info, io.BytesIO(text.encode()))
    return out.getvalue()


def _baked(commit: str) -> dict[str, str]:
    return {"etc/envcap/image.json": json.dumps({"dockerfile_commit": commit})}


class Shipyard:
    """Makes images, and takes them away again."""

    def __init__(self, engine: DockerEngine) -> None:
        self._engine = engine
        self._made: list[str] = []

    def base(self, name: str, files: Mapping[str, str], *changes: str) -> str:
        """Make an image in one step."""
        options = [f"--change={change}" for change in changes]
        self._engine.docker("import", *options, "-", name, given=_root(files))
        return self._keep(name)

    def child(self, name: str, recipe: str, files: Mapping[str, str] | None = None) -> str:
        """Build an image from a Dockerfile."""
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w") as made:
            for path, text in {"Dockerfile": recipe, **(files or {})}.items():
                info = tarfile.TarInfo(path)
                info.size = len(text)
                made.addfile(info, io.BytesIO(text.encode()))
        self._engine.docker("build", "--network", "none", "--tag", name, "-", given=out.getvalue())
        return self._keep(name)

    def retag(self, name: str, other: str) -> str:
        """Give an image another name."""
        self._engine.docker("tag", name, other)
        return self._keep(other)

    def _keep(self, name: str) -> str:
        self._made.append(name)
        return name

    def clear(self) -> None:
        """Take all images away."""
        for name in reversed(self._made):
            self._engine.docker("rmi", "--force", name, check=False)


@pytest.fixture
def shipyard(docker_engine: DockerEngine) -> Iterator[Shipyard]:
    """A shipyard that is cleared afterwards."""
    made = Shipyard(docker_engine)
    yield made
    made.clear()


def _commits(harbour: Harbour, name: str) -> list[tuple[str | None, str]]:
    found = harbour.json("envcap", "container", "inspect", name)
    return [(one["commit"], one["source"]) for one in found["lineage"]]


def test_a_chain_of_baked_files(harbour: Harbour, shipyard: Shipyard) -> None:
    shipyard.base("test/base:1", _baked(_BASE_COMMIT))
    shipyard.child(
        "test/child:1",
        "FROM test/base:1\nCOPY image.json /etc/envcap/image.json\nENV A=b\n",
        {"image.json": json.dumps({"dockerfile_commit": _CHILD_COMMIT})},
    )
    assert _commits(harbour, "test/child:1") == [(_CHILD_COMMIT, "baked"), (_BASE_COMMIT, "baked")]


def test_a_chain_of_labels(harbour: Harbour, shipyard: Shipyard) -> None:
    shipyard.base("test/base:2", {}, f"LABEL {_REVISION}={_BASE_COMMIT}")
    shipyard.child("test/child:2", f"FROM test/base:2\nLABEL {_REVISION}={_CHILD_COMMIT}\nCOPY Dockerfile /\n")
    assert _commits(harbour, "test/child:2") == [(_CHILD_COMMIT, "label"), (_BASE_COMMIT, "label")]


def test_an_unlabelled_image_is_unknown(harbour: Harbour, shipyard: Shipyard) -> None:
    shipyard.base("test/base:3", {})
    shipyard.child("test/child:3", "FROM test/base:3\nCOPY Dockerfile /\n")
    assert _commits(harbour, "test/child:3") == [(None, "unknown"), (None, "unknown")]


@pytest.mark.parametrize("how", ["label", "baked"])
def test_what_is_inherited_is_not_believed(harbour: Harbour, shipyard: Shipyard, how: str) -> None:
    if how == "label":
        shipyard.base("test/base:4", {}, f"LABEL {_REVISION}={_BASE_COMMIT}")
    else:
        shipyard.base("test/base:4", _baked(_BASE_COMMIT))
    shipyard.child("test/child:4", "FROM test/base:4\nCOPY Dockerfile /\n")
    assert _commits(harbour, "test/child:4") == [(None, "unknown"), (_BASE_COMMIT, how)]
    # The base is gone, and what the child inherited might be its own: nothing is guessed.
    harbour.engine.docker("rmi", "test/base:4")
    assert _commits(harbour, "test/child:4") == [(None, "unknown")]


def test_a_child_that_changes_only_settings_has_its_base_for_an_ancestor(harbour: Harbour, shipyard: Shipyard) -> None:
    """It has the same layers, and another history; its sibling is no ancestor of it."""
    shipyard.base("test/base:5", {}, f"LABEL {_REVISION}={_BASE_COMMIT}")
    shipyard.child("test/sibling:5", f"FROM test/base:5\nLABEL {_REVISION}={'c' * 40}\nENV SIBLING=1\n")
    shipyard.child("test/child:5", f"FROM test/base:5\nLABEL {_REVISION}={_CHILD_COMMIT}\n")
    assert _commits(harbour, "test/child:5") == [(_CHILD_COMMIT, "label"), (_BASE_COMMIT, "label")]


def test_a_tag_decides_nothing(harbour: Harbour, shipyard: Shipyard) -> None:
    shipyard.base("test/base:6", {}, f"LABEL {_REVISION}={_BASE_COMMIT}")
    shipyard.child("test/child:6", f"FROM test/base:6\nLABEL {_REVISION}={_CHILD_COMMIT}\n")
    before = harbour.json("envcap", "container", "inspect", "test/child:6")
    # The base's name now means the child, and another image bears the child's.
    shipyard.base("test/other:6", {"etc/other": "x"})
    shipyard.retag("test/child:6", "test/was-child:6")
    shipyard.retag("test/base:6", "test/was-base:6")
    shipyard.retag("test/was-child:6", "test/base:6")
    shipyard.retag("test/other:6", "test/child:6")
    after = harbour.json("envcap", "container", "inspect", "test/was-child:6")
    assert [one["image"] for one in after["lineage"]] == [one["image"] for one in before["lineage"]]
    assert _commits(harbour, "test/was-child:6") == [(_CHILD_COMMIT, "label"), (_BASE_COMMIT, "label")]
    assert _commits(harbour, "test/child:6") == [(None, "unknown")]


def test_a_container_is_its_image(harbour: Harbour, shipyard: Shipyard, docker_engine: DockerEngine) -> None:
    shipyard.base("test/base:7", _baked(_BASE_COMMIT))
    container = docker_engine.docker("create", "test/base:7", "-")
    found = harbour.json("envcap", "container", "inspect", container)
    docker_engine.docker("rm", container)
    assert found["container"] == container
    assert found["id"] == docker_engine.image_id("test/base:7")


def test_the_text_reads_well(harbour: Harbour, shipyard: Shipyard) -> None:
    shipyard.base("test/base:8", _baked(_BASE_COMMIT))
    done = harbour.run("envcap", "container", "inspect", "test/base:8")
    assert done.returncode == 0
    assert _BASE_COMMIT in done.stdout
    assert "it was made in one step, on nothing" in done.stdout


def test_what_can_not_be_asked(harbour: Harbour) -> None:
    done = harbour.run("envcap", "container", "inspect", "test/nothing:0")
    assert done.returncode == 1
    assert "'docker images' lists them" in done.stderr
    done = harbour.run("envcap", "container", "inspect", "x", variables={"DOCKER_HOST": "unix:///nowhere.sock"})
    assert done.returncode == 3
    assert "start it, or name another with DOCKER_HOST" in done.stderr
    assert done.stderr.count("\n") == 1
