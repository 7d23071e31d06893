# SPDX-License-Identifier: Apache-2.0
"""What the container tests share: an observatory whose replays know the engine, and an image that was rebuilt once."""

from __future__ import annotations

import json
import os
import subprocess
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.observatory import Observatory
from tests.services.docker_engine import DockerEngine


@dataclass(frozen=True)
class Harbour:
    """An observatory beside an engine.

    Attributes
    ----------
    observatory : `Observatory`
    engine : `DockerEngine`
    variables : mapping
        Beyond those of the observatory.
    """

    observatory: Observatory
    engine: DockerEngine
    extra: Mapping[str, str]

    def run(self, *command: str, variables: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command as a user who knows the engine."""
        world = self.observatory.world
        environ = {**world.variables(job=False), "DOCKER_HOST": self.engine.host, **self.extra, **(variables or {})}
        done = world.run(command, variables=environ, check=False)
        assert "Traceback" not in done.stdout + done.stderr, done.stderr
        return done

    def json(self, *command: str, status: int = 0, variables: Mapping[str, str] | None = None) -> Any:
        """Run a command with ``--json`` and return its document."""
        done = self.run(*command, "--json", variables=variables)
        assert done.returncode == status, done.stderr
        return json.loads(done.stdout)

    def rerun(self, dataset: str, *options: str, **how: Any) -> Any:
        """Re-run a dataset in a container on the test's base, and return the verdict."""
        command = ("rerun-dataset", str(self.observatory.world.repo), dataset, "--engine", "docker")
        return self.json(*command, "--base", self.engine.base, *options, **how)

    def layers(self, found: Any) -> dict[str, str]:
        """Return the fidelity of each layer of a plan or verdict."""
        return {layer["layer"]: layer["fidelity"] for layer in found["layers"]}


@pytest.fixture(scope="session")
def harbour(observatory: Observatory, docker_engine: DockerEngine) -> Harbour:
    """The shared observatory beside the engine."""
    return Harbour(observatory, docker_engine, {})


@pytest.fixture(scope="session")
def image(harbour: Harbour, shared_tmp: Path) -> str:
    """Name of the image that was rebuilt for the shared observatory's quanta."""
    uuid, _ = harbour.observatory.dataset("catalog")
    found = harbour.rerun(uuid)
    (layer,) = (one for one in found["layers"] if one["layer"] == "image")
    return str(layer["detail"].rpartition(" ")[2])


@pytest.fixture
def own_harbour(own: Observatory, docker_engine: DockerEngine) -> Harbour:
    """A world of one's own beside the engine."""
    return Harbour(own, docker_engine, {})


@pytest.fixture
def own_image(own_harbour: Harbour) -> Iterator[str]:
    """Name of an image that no other test has: that of a command whose script is new. It is ``@last``'s."""
    folder = own_harbour.observatory.world.root / "command"
    folder.mkdir()
    (folder / "write.py").write_text(f"open('out.txt', 'w').write('{uuid.uuid4()}')\n")
    command = ("envcap", "run", "--output", "out.txt", "--", "python", "write.py")
    own_harbour.observatory.world.run(["sh", "-c", f"cd {folder} && exec {' '.join(command)}"])
    found = own_harbour.json("replay", "run", "@last", "--engine", "docker", "--base", own_harbour.engine.base)
    assert found["verdict"] == "identical"
    (layer,) = (one for one in found["layers"] if one["layer"] == "image")
    name = str(layer["detail"].rpartition(" ")[2])
    yield name
    own_harbour.engine.docker("rmi", "--force", name, check=False)


@pytest.fixture
def writable(tmp_path: Path) -> Path:
    """A directory that an ordinary user in a container may write to."""
    folder = tmp_path / "writable"
    folder.mkdir()
    if os.getuid() == 0:
        os.chown(folder, 1000, 1000)
    return folder


@pytest.fixture
def away(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory outside every world."""
    return tmp_path_factory.mktemp("away")
