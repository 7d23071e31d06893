# SPDX-License-Identifier: Apache-2.0
"""What a machine lacks: each lack ends in one line that says what to do, and in the documented status."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from envcap.model.components import Interpreter
from envcap.model.document import Document
from envcap.store.index import Index
from envcap.store.local import LocalStore
from tests.fuzz.forge import forge
from tests.observatory import Observatory, snapshot

_ONE = "detector = 0 AND exposure = 2026031400001"
_NOWHERE = {"UV_DEFAULT_INDEX": "http://127.0.0.1:9/simple", "UV_HTTP_RETRIES": "0"}
_NOBODY = 65534


@dataclass(frozen=True)
class Lacking:
    """A world of one's own in which a dataset was made, on a machine that lacks something."""

    observatory: Observatory
    dataset: str

    def rerun(self, variables: Mapping[str, str] | None = None, *options: str) -> subprocess.CompletedProcess[str]:
        """Re-run the dataset with other variables."""
        world = self.observatory.world
        environ = {**world.variables(job=False), **(variables or {})}
        command = ["rerun-dataset", str(world.repo), self.dataset, *options]
        return world.run(command, variables=environ, check=False)


@pytest.fixture
def lacking(own: Observatory) -> Lacking:
    """Make one catalog."""
    own.forget_environments()
    own.observe(where=_ONE)
    return Lacking(own, own.dataset("catalog", "u/me/own")[0])


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Give a function that mounts a file system of some size."""
    mounts: list[Path] = []

    def mount(size: str) -> Path:
        folder = tmp_path / f"disk{len(mounts)}"
        folder.mkdir()
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], capture_output=True)
        if done.returncode:
            if os.environ.get("CI"):
                pytest.fail(f"mount must work in CI: {done.stderr!r}")
            pytest.skip(f"can't mount here: {done.stderr!r}")
        mounts.append(folder)
        return folder

    yield mount
    for folder in mounts:
        subprocess.run(["umount", "-l", folder], check=True)


def _one_line(done: subprocess.CompletedProcess[str], status: int, *told: str) -> None:
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    lines = [line for line in done.stderr.splitlines() if not line.startswith("  ✓ ")]
    assert len(lines) == 1, done.stderr
    assert len(lines[0]) <= 600
    for words in told:
        assert words in lines[0]


def test_no_uv(lacking: Lacking, tmp_path: Path) -> None:
    # The extra was not installed: the import fails as it does then.
    (tmp_path / "without").mkdir()
    (tmp_path / "without" / "uv.py").write_text("raise ModuleNotFoundError('No module named uv', name='uv')\n")
    done = lacking.rerun({"PYTHONPATH": str(tmp_path / "without")})
    _one_line(done, 3, "the venv engine needs uv", "pip install 'envcap[replay]'")


def _forged(lacking: Lacking, folder: Path, kind: str, name: str, value: str, component: Document) -> tuple[str, ...]:
    """Make a store in which a place of the job is another one; return the options that take it."""
    observatory = lacking.observatory
    attempt = observatory.attempt("measure {")
    store = observatory.index().store
    assert attempt.result is not None
    assert attempt.manifest.site is not None
    places = json.loads(store.get(attempt.manifest.site.digest))
    places["places"][kind][name] = value
    documents = {
        "manifest": attempt.manifest.to_bytes(),
        "result": attempt.result.to_bytes(),
        "recipe": attempt.recipe.to_bytes(),
        "site": json.dumps(places, sort_keys=True, separators=(",", ":")).encode(),
        "interpreter": b"",
    }
    forge(folder / "once", documents, "interpreter", component.to_bytes())
    made = {**documents, "interpreter": component.to_bytes()}
    changed = LocalStore(str(folder / "once"))
    again = next(Index(changed).attempts())
    made["recipe"], made["manifest"] = again.recipe.to_bytes(), again.manifest.to_bytes()
    forge(folder / "forged", made, "site", made["site"])
    shutil.copytree(observatory.world.store / "objects", folder / "forged" / "objects", dirs_exist_ok=True)
    return "--store", str(folder / "forged"), "--trust"


def _interpreter(lacking: Lacking) -> Interpreter:
    attempt = lacking.observatory.attempt("measure {")
    data = lacking.observatory.index().store.get(attempt.recipe.software["interpreter"].digest)
    return Interpreter.from_bytes(data)


def test_no_network(lacking: Lacking, tmp_path: Path) -> None:
    """The index is out of reach, and the environment that the job ran in is gone."""
    gone = _forged(lacking, tmp_path, "python_dists", "prefix", str(tmp_path / "gone"), _interpreter(lacking))
    before = snapshot(lacking.observatory.world.repo)
    done = lacking.rerun({**_NOWHERE, "UV_CACHE_DIR": str(tmp_path / "empty")}, *gone)
    _one_line(done, 3, "the package index can't be reached", "and the environment not be copied")
    assert snapshot(lacking.observatory.world.repo) == before


@pytest.mark.slow
def test_no_network_but_the_environment_is_still_there(lacking: Lacking, tmp_path: Path) -> None:
    done = lacking.rerun({**_NOWHERE, "UV_CACHE_DIR": str(tmp_path / "empty")})
    assert done.returncode == 0, done.stderr
    assert "each RECORD equal to the captured one" in done.stdout


def test_the_python_is_gone(lacking: Lacking, tmp_path: Path) -> None:
    gone = Interpreter(implementation="cpython", version="3.7.19", soabi="cpython-37m-x86_64-linux-gnu")
    place = str(tmp_path / "gone" / "python3.7")
    done = lacking.rerun(None, *_forged(lacking, tmp_path, "interpreter", "executable", place, gone))
    _one_line(done, 3, "no Python 3.7 on this machine", "install cpython 3.7.19")


def test_the_jobs_python_is_gone(own: Observatory, tmp_path: Path) -> None:
    """A virtual environment whose base interpreter was removed, as after an upgrade of the system."""
    tool = tmp_path / "tool"
    tool.write_text(f"#!{tmp_path}/gone/python3\nprint('never')\n")
    tool.chmod(0o755)
    done = own.run("envcap", "run", "--", str(tool), job=True)
    assert done.returncode == 127
    assert "the interpreter that it asks for is not there" in done.stderr


def test_git_is_gone(lacking: Lacking, tmp_path: Path) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("rerun-dataset",):
        (programs / name).symlink_to(
            shutil.which(name, path=lacking.observatory.world.variables(job=False)["PATH"]) or ""
        )
    done = lacking.rerun({"PATH": str(programs)})
    _one_line(done, 3, "git is not installed")


@pytest.mark.parametrize("size", ["64k", pytest.param("2m", marks=pytest.mark.slow), "40m"])
def test_no_room_for_a_replay(lacking: Lacking, disk: Callable[[str], Path], size: str) -> None:
    """The disk is full before the first file, while the environment is rebuilt, and further on in it."""
    folder = disk(size)
    done = lacking.rerun({"ENVCAP_CACHE": str(folder / "cache")})
    _one_line(done, 3, "o space", "ENVCAP_CACHE")


@pytest.mark.slow
def test_no_room_for_the_outputs(lacking: Lacking, disk: Callable[[str], Path]) -> None:
    """The environment is there already; there is no room for the isolated repository."""
    first = lacking.rerun()
    assert first.returncode == 0, first.stderr
    cache = lacking.observatory.world.root / "cache"
    for size in ("16k", "300k", "700k"):
        folder = disk(size)
        (folder / "venv").symlink_to(cache / "venv")
        done = lacking.rerun({"ENVCAP_CACHE": str(folder)})
        _one_line(done, 3, "o space is left", "ENVCAP_CACHE")
        assert not list(folder.glob("replays/*/repo")), "what is half made takes no room"


@pytest.mark.slow
def test_no_room_for_the_verdict(lacking: Lacking, disk: Callable[[str], Path]) -> None:
    """The store is full: nothing of the replay can be recorded, so it says so instead of a verdict."""
    folder = disk("8m") / "store"
    shutil.copytree(lacking.observatory.world.store, folder)
    with open(folder / "filler", "ab", buffering=0) as stream:
        for size in (4096, 1):
            try:
                while True:
                    stream.write(b"\0" * size)
            except OSError:
                continue
    done = lacking.rerun({"ENVCAP_STORE": str(folder)})
    _one_line(done, 3, str(folder), "No space left on device")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
@pytest.mark.parametrize("command", ["envcap show @last", "envcap verify --all", "replay plan @last"])
def test_a_store_of_somebody_else(command: str, observatory: Observatory, tmp_path: Path) -> None:
    """Its directory may not be entered."""
    store = tmp_path / "store"
    shutil.copytree(observatory.world.store, store)
    store.chmod(0o700)
    os.chown(store, _NOBODY, _NOBODY)
    # Root as others are: permissions bind it.
    bound = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--"]
    variables = {**observatory.world.variables(job=False), "ENVCAP_STORE": str(store)}
    done = observatory.world.run([*bound, *command.split()], variables=variables, check=False)
    _one_line(done, 3, str(store), "Permission denied", "--store or ENVCAP_STORE")
