# SPDX-License-Identifier: Apache-2.0
"""A job that was captured inside a container, whose launcher said which image that is."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from envcap.model.components import Container
from tests.containers.conftest import Harbour
from tests.observatory import Observatory
from tests.services.docker_engine import DockerEngine

_SCRIPT = """
import sys, numpy
numbers = numpy.load(sys.argv[1])
numpy.save(sys.argv[2], numpy.sqrt(numbers) * float(open("scale.txt").read()))
"""


@pytest.fixture
def inside(own: Observatory, docker_engine: DockerEngine, image: str) -> Harbour:
    """A world in which a command ran in the rebuilt image of the shared observatory, under capture."""
    import numpy

    harbour = Harbour(own, docker_engine, {})
    root = own.world.root
    folder = root / "work"
    folder.mkdir()
    (folder / "scale.txt").write_text("2.5")
    (folder / "reduce.py").write_text(_SCRIPT)
    numpy.save(folder / "in.npy", numpy.arange(100.0))
    told = harbour.run("envcap", "container", "inspect", image, "--hand-over").stdout.strip()
    for path in (root, folder):
        os.chmod(path, 0o777)
    variables = [f"--env={name}={root / place}" for name, place in (("ENVCAP_STORE", "store"), ("ENVCAP_KEY", "key"))]
    docker_engine.docker(
        "run", "--rm", "--network=none", f"--user={os.getuid()}", f"--env={told}", *variables,
        f"--volume={root}:{root}", f"--workdir={folder}", image, "envcap", "run", "--config", "scale.txt", "--input", "in.npy",
        "--output", "out.npy", "--", "python", "reduce.py", "in.npy", "out.npy",
    )  # fmt: skip
    return harbour


def _container(harbour: Harbour) -> Container:
    index = harbour.observatory.index()
    (attempt,) = index.attempts("replay_of IS NULL")
    return Container.from_bytes(index.store.get(attempt.manifest.host["container"].digest))


def _rerun(harbour: Harbour, *options: str, status: int = 0) -> Any:
    return harbour.json("replay", "run", "@last", "--engine", "docker", *options, status=status)


def test_in_the_very_image(inside: Harbour, image: str) -> None:
    told = {hint.claim: hint.value for hint in _container(inside).hints if hint.source == "ENVCAP_IMAGE"}
    assert told["image_id"] == inside.engine.image_id(image)
    assert told["base"] == inside.engine.base
    found = _rerun(inside)
    assert found["verdict"] == "identical"
    layers = inside.layers(found)
    assert (layers["image"], layers["interpreter"], layers["python_dists"]) == ("exact", "exact", "exact")
    assert "ENVCAP_IMAGE" in next(one["detail"] for one in found["layers"] if one["layer"] == "image")


def test_in_a_rebuilt_one_once_the_image_is_gone(inside: Harbour, image: str, tmp_path: Path) -> None:
    ident = inside.engine.image_id(image)
    saved = tmp_path / "image.tar"
    inside.engine.docker("save", "--output", str(saved), image)
    names = inside.engine.docker("image", "inspect", "--format", '{{join .RepoTags " "}}', ident).split()
    inside.engine.docker("rmi", "--force", *names)
    try:
        planned = inside.json("replay", "plan", "@last", "--engine", "docker")
        (layer,) = (one for one in planned["layers"] if one["layer"] == "image")
        assert layer["fidelity"] == "rebuilt"
        assert f"the image {ident[:19]}… is neither here nor in a known registry" in layer["detail"]
        refused = inside.run("replay", "plan", "@last", "--engine", "docker", "--require", "exact")
        assert refused.returncode == 3
        found = _rerun(inside)
        assert found["verdict"] == "identical"
        # What differs is nothing: it was built from the same inputs, on the base that the launcher named.
        assert set(inside.layers(found).values()) <= {"exact", "rebuilt"}
        assert inside.layers(found)["image"] == "rebuilt"
    finally:
        inside.engine.docker("load", "--input", str(saved))


def test_from_a_registry(inside: Harbour, image: str, docker_engine: DockerEngine) -> None:
    """The launcher named where the image can be had; what is there is held against its digest."""
    name = f"{docker_engine.registry}/job:1"
    docker_engine.docker("tag", image, name)
    docker_engine.docker("push", name)
    told = inside.run("envcap", "container", "inspect", name, "--hand-over").stdout.strip()
    assert f'"references":["{docker_engine.registry}/job@sha256:' in told


def test_a_launcher_that_says_nonsense_is_noted(inside: Harbour, image: str) -> None:
    root = inside.observatory.world.root
    shutil.rmtree(root / "store")
    inside.engine.docker(
        "run", "--rm", "--network=none", f"--user={os.getuid()}", "--env=ENVCAP_IMAGE=$(id)", f"--volume={root}:{root}",
        f"--env=ENVCAP_STORE={root}/store", f"--env=ENVCAP_KEY={root}/key", image, "envcap", "run", "--", "true",
    )  # fmt: skip
    assert _container(inside).failed["ENVCAP_IMAGE"]
    assert "image_id" not in {hint.claim for hint in _container(inside).hints}
