# SPDX-License-Identifier: Apache-2.0
"""What the end-to-end tests share: one observatory that has observed, made once for all workers."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from examples.world import World
from tests.numerical_lab import NumericalLab
from tests.observatory import CHANGED_DEFAULTS, Observatory
from tests.services.bps import Batch
from tests.services.docker_engine import DockerEngine, start_engine, stop_engine
from tests.services.packages import lacking, unpack_package
from tests.uncaptured import Uncaptured


def pytest_configure() -> None:
    """Let Ctrl-C end what tests start, although a shell that runs them in the background ignores it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def own_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give every test a configuration directory of its own: no test seals with the developer's key."""
    config = tmp_path.with_name(f"{tmp_path.name}-config")
    config.mkdir(exist_ok=True)  # astropy warns of one that isn't there
    monkeypatch.setenv("XDG_CONFIG_HOME", str(config))
    monkeypatch.setenv("ENVCAP_CACHE", str(config / "cache"))  # nor reads what an earlier test found
    return config / "envcap"


@pytest.fixture(scope="session")
def shared_tmp(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory that all workers of this session share."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base


def _once(folder: Path, make: Callable[[], None]) -> None:
    """Let one worker make a directory while the others wait."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with open(f"{folder}.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "made").exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make()
            (folder / "made").touch()


@pytest.fixture(scope="session")
def observatory(shared_tmp: Path) -> Observatory:
    """The pipeline ran on all detectors; since then, defaults changed in the tasks' code."""
    found = Observatory(World(shared_tmp / "observatory"))

    def make() -> None:
        world = found.world
        world.make_environment()
        world.make_stack()
        world.make_repo()
        world.run(["envcap", "run", "--", *world.pipetask("u/me/first")])
        for path, old, new in CHANGED_DEFAULTS:
            world.edit(world.stack / path, old, new)
        world.commit("New defaults")

    _once(found.world.root, make)
    return found


@pytest.fixture(scope="session")
def uncaptured(observatory: Observatory, shared_tmp: Path) -> Uncaptured:
    """The pipeline ran without envcap; since then, defaults changed in the tasks' code."""
    found = Uncaptured(World(shared_tmp / "uncaptured"))

    def make() -> None:
        observatory.clone(found.world.root)
        found.make("-d", "detector = 0 AND exposure IN (2026031400001, 2026031400002, 2026031800001)")

    _once(found.world.root, make)
    return found


@pytest.fixture(scope="session")
def batch(observatory: Observatory, shared_tmp: Path) -> Batch:
    """The pipeline ran through BPS, as `envcap hook bps` has it: the workflow ``night``, one quantum of each task."""
    found = Batch(World(shared_tmp / "batch"))

    def make() -> None:
        observatory.clone(found.world.root)
        path = found.write("night")
        found.hook(path)
        found.submit(path)

    _once(found.world.root, make)
    return found


@pytest.fixture(scope="session")
def lab(shared_tmp: Path) -> NumericalLab:
    """An environment with NumPy, and a store, of this Python's."""
    found = NumericalLab(World(shared_tmp / "lab"))
    _once(found.world.root, found.make)
    return found


@pytest.fixture(scope="session")
def bubblewrap(shared_tmp: Path) -> Path:
    """A directory that has bubblewrap: on everybody's PATH, it would sandbox whatever the other tests re-run."""
    if (found := shutil.which("bwrap")) is not None:
        return Path(found).parent
    folder = shared_tmp / "bubblewrap"

    def make() -> None:
        if why := unpack_package("bubblewrap", folder):
            lacking(f"no bubblewrap: {why}")

    _once(folder, make)
    return folder / "usr" / "bin"


@pytest.fixture(scope="session")
def docker_engine(shared_tmp: Path) -> DockerEngine:
    """A Docker engine with a registry and a base image; `pytest_sessionfinish` stops what was started for it."""
    folder = shared_tmp / "engine"
    _once(folder, lambda: start_engine(folder))
    return DockerEngine(**json.loads((folder / "engine.json").read_text()))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Stop the services of this run, once all workers are done."""
    if os.environ.get("PYTEST_XDIST_WORKER"):
        return
    factory: pytest.TempPathFactory | None = getattr(session.config, "_tmp_path_factory", None)
    if factory is not None:
        stop_engine(factory.getbasetemp() / "engine")


@pytest.fixture
def own(observatory: Observatory, tmp_path: Path) -> Observatory:
    """A world that a test may change as it likes; its pipeline has not run yet."""
    return observatory.clone(tmp_path)
