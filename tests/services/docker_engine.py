# SPDX-License-Identifier: Apache-2.0
"""A Docker engine, a registry and a base image for the tests: the one that runs, else one that they start."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.services.packages import need

__all__ = ("DockerEngine", "base_archive", "start_engine", "stop_engine")

_SUITES = {(3, 11): "bookworm", (3, 13): "trixie"}
_SOURCE = Path(__file__).resolve().parents[2]
_SECONDS = 60.0


@dataclass(frozen=True)
class DockerEngine:
    """An engine that answers.

    Attributes
    ----------
    host : `str`
        Value of ``DOCKER_HOST``.
    registry : `str`
        ``127.0.0.1:PORT``.
    base : `str`
        A base image with Python, by digest, as the registry has it.
    """

    host: str
    registry: str
    base: str

    def docker(self, *words: str, check: bool = True, given: bytes | None = None) -> str:
        """Run the docker program and return what it prints."""
        done = subprocess.run(
            [_docker(), *words],
            env={**os.environ, "DOCKER_HOST": self.host, "DOCKER_BUILDKIT": "1"},
            input=given,
            capture_output=True,
            check=False,
        )
        if check and done.returncode:
            raise AssertionError(f"docker {' '.join(words)}: {done.stderr.decode()}")
        return done.stdout.decode().strip()

    def containers_with(self, folder: Path) -> list[str]:
        """Return the containers, running or not, that have something below a directory mounted."""
        found = []
        for container in self.docker("ps", "--all", "--quiet", "--no-trunc").split():
            mounts = self.docker("inspect", "--format", "{{json .Mounts}}", container, check=False) or "[]"
            if any(one.get("Source", "").startswith(str(folder)) for one in json.loads(mounts)):
                found.append(container)
        return found

    def image_id(self, name: str) -> str:
        """Return what an image is."""
        return self.docker("image", "inspect", "--format", "{{.Id}}", name)


def _docker() -> str:
    """Return Debian's own program, which has BuildKit; another may stand before it on PATH."""
    return "/usr/bin/docker" if os.path.exists("/usr/bin/docker") else "docker"


def start_engine(folder: Path) -> None:
    """Start what doesn't run yet, and note in a directory what was started and where it answers."""
    need("a Docker engine")
    host = _running() or _start_dockerd(folder)
    registry = _start_registry(folder)
    engine = DockerEngine(host, registry, "")
    name = f"{registry}/base:{_SUITES[sys.version_info[:2]]}"
    engine.docker("import", str(base_archive()), name)
    engine.docker("push", name)
    base = json.loads(engine.docker("image", "inspect", "--format", "{{json .RepoDigests}}", name))
    own = next(one for one in base if one.startswith(registry))
    (folder / "engine.json").write_text(json.dumps({"host": host, "registry": registry, "base": own}))


def stop_engine(folder: Path) -> None:
    """Stop what was started, by its process id, and delete what it kept."""
    for name in ("registry", "dockerd"):
        path = folder / f"{name}.pid"
        if path.exists():
            _stop(int(path.read_text()))
            path.unlink()
    shutil.rmtree(folder / "data", ignore_errors=True)


def _stop(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
        _wait_for(lambda: not _lives(pid), "the end of a service")


def _lives(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as stream:
            return stream.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def _running() -> str | None:
    """Return where an engine answers already; the tests leave it as it is."""
    host = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    return host if _answers(host) else None


def _answers(host: str) -> bool:
    done = subprocess.run([_docker(), "version"], env={**os.environ, "DOCKER_HOST": host}, capture_output=True)
    return done.returncode == 0


def _start_dockerd(folder: Path) -> str:
    # A socket's path has at most 107 bytes (unix(7)); a test's directory may be longer.
    host = f"unix:///run/envcap-test-{os.getpid()}.sock"
    with open(folder / "dockerd.log", "wb") as log:
        process = subprocess.Popen(
            ["dockerd", "--host", host, "--data-root", folder / "data",
             "--exec-root", f"/run/envcap-test-{os.getpid()}",
             "--pidfile", folder / "own.pid"],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    (folder / "dockerd.pid").write_text(str(process.pid))
    _wait_for(lambda: _answers(host), f"dockerd ({folder}/dockerd.log)", process)
    return host


def _start_registry(folder: Path) -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    config = folder / "registry.yml"
    config.write_text(json.dumps({
        "version": 0.1,
        "log": {"level": "warn"},
        "storage": {"filesystem": {"rootdirectory": str(folder / "data" / "registry")}},
        "http": {"addr": address},
    }))  # fmt: skip
    with open(folder / "registry.log", "wb") as log:
        process = subprocess.Popen(
            ["docker-registry", "serve", config],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    (folder / "registry.pid").write_text(str(process.pid))
    host, port = address.split(":")

    def listens() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex((host, int(port))) == 0

    _wait_for(listens, f"the registry ({folder}/registry.log)", process)
    return address


def _wait_for(ready: Callable[[], bool], what: str, process: subprocess.Popen[bytes] | None = None) -> None:
    deadline = time.monotonic() + _SECONDS
    while not ready():
        if time.monotonic() > deadline or (process is not None and process.poll() is not None):
            raise AssertionError(f"{what} did not come")
        time.sleep(0.05)


def base_archive() -> Path:
    """Return the base image's root file system, kept in the user's cache under the digest of its recipe."""
    recipe = _SOURCE / "containers" / "base" / "make.sh"
    suite = _SUITES[sys.version_info[:2]]
    digest = hashlib.sha256(recipe.read_bytes() + suite.encode()).hexdigest()[:16]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "envcap-tests"
    path = cache / f"base-{digest}.tar"
    if not path.exists():
        cache.mkdir(parents=True, exist_ok=True)
        made = path.with_suffix(".making.tar")
        subprocess.run([recipe, suite, made], check=True, capture_output=True)
        made.rename(path)
    return path
