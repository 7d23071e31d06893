# SPDX-License-Identifier: Apache-2.0
"""A job that was captured inside a container, whose launcher said which image that is."""

from __future__ import annotations

import os
from typing import Any

import pytest

from envcap.model.components import Container
from tests.containers.conftest import Harbour

_SCRIPT = """
import sys, numpy
numbers = numpy.load(sys.argv[1])
numpy.save(sys.argv[2], numpy.sqrt(numbers) * float(open("scale.txt").read()))
"""


@pytest.fixture
def inside(own_harbour: Harbour, own_image: str) -> Harbour:
    """A world in which a command ran in a rebuilt image, under capture."""
    import numpy

    harbour, root = own_harbour, own_harbour.observatory.world.root
    folder = root / "work"
    folder.mkdir()
    (folder / "scale.txt").write_text("2.5")
    (folder / "reduce.py").write_text(_SCRIPT)
    numpy.save(folder / "in.npy", numpy.arange(100.0))
    told = harbour.run("envcap", "container", "inspect", own_image, "--hand-over").stdout.strip()
    for path in (root, folder):
        os.chmod(path, 0o777)
    _run_inside(
        harbour, own_image, told, "--config", "scale.txt", "--input", "in.npy", "--output", "out.npy",
        "--", "python", "reduce.py", "in.npy", "out.npy",
    )  # fmt: skip
    return harbour


def _run_inside(harbour: Harbour, image: str, told: str, *words: str) -> None:
    root = harbour.observatory.world.root
    harbour.engine.docker(
        "run", "--rm", "--network=none", f"--user={os.getuid()}", f"--env={told}", f"--env=ENVCAP_STORE={root}/store",
        f"--env=ENVCAP_KEY={root}/key", f"--volume={root}:{root}", f"--workdir={root}/work", image,
        "envcap", "run", *words,
    )  # fmt: skip


def _container(harbour: Harbour) -> Container:
    index = harbour.observatory.index()
    *_, attempt = index.attempts("replay_of IS NULL")
    return Container.from_bytes(index.store.get(attempt.manifest.host["container"].digest))


def _rerun(harbour: Harbour, *options: str, status: int = 0) -> Any:
    return harbour.json("replay", "run", "@last", "--engine", "docker", *options, status=status)


def test_in_the_very_image(inside: Harbour, own_image: str) -> None:
    told = {hint.claim: hint.value for hint in _container(inside).hints if hint.source == "ENVCAP_IMAGE"}
    assert told["image_id"] == inside.engine.image_id(own_image)
    assert told["base"] == inside.engine.base
    found = _rerun(inside)
    assert found["verdict"] == "identical"
    layers = inside.layers(found)
    assert (layers["image"], layers["interpreter"], layers["python_dists"]) == ("exact", "exact", "exact")
    assert "ENVCAP_IMAGE" in next(one["detail"] for one in found["layers"] if one["layer"] == "image")
    # What nobody asked for by name: the engine that has the image, and without it, the plan says what is lost.
    assert inside.json("replay", "plan", "@last")["engine"] == "docker"
    without = inside.json("replay", "plan", "@last", variables={"DOCKER_HOST": "unix:///nowhere.sock"})
    assert without["engine"] == "venv"
    (layer,) = (one for one in without["layers"] if one["layer"] == "image")
    assert layer["fidelity"] == "substituted"
    assert "this engine has none" in layer["detail"]
    # A launcher that says nonsense is noted, and not believed.
    _run_inside(inside, own_image, "ENVCAP_IMAGE=$(id)", "--", "true")
    assert _container(inside).failed["ENVCAP_IMAGE"]
    assert "image_id" not in {hint.claim for hint in _container(inside).hints}


@pytest.mark.slow
def test_in_a_rebuilt_one_once_the_image_is_gone(inside: Harbour, own_image: str) -> None:
    ident = inside.engine.image_id(own_image)
    inside.engine.docker("rmi", "--force", own_image)
    planned = inside.json("replay", "plan", "@last", "--engine", "docker")
    (layer,) = (one for one in planned["layers"] if one["layer"] == "image")
    assert layer["fidelity"] == "rebuilt"
    assert f"the image {ident[:19]}… is neither here nor in a known registry" in layer["detail"]
    refused = inside.run("replay", "plan", "@last", "--engine", "docker", "--require", "exact")
    assert refused.returncode == 3
    found = _rerun(inside)
    assert found["verdict"] == "identical"
    # It was built from the same wheels, on the base that the launcher named.
    assert set(inside.layers(found).values()) <= {"exact", "rebuilt"}
    assert inside.layers(found)["image"] == "rebuilt"


@pytest.mark.slow
def test_from_a_registry(inside: Harbour, own_image: str) -> None:
    """The launcher named where the image can be had by digest, and it is pulled from there."""
    engine, root = inside.engine, inside.observatory.world.root
    name = f"{engine.registry}/job:{root.name.replace('_', '-').lower()}"
    engine.docker("tag", own_image, name)
    engine.docker("push", name)
    told = inside.run("envcap", "container", "inspect", name, "--hand-over").stdout.strip()
    assert f'"references":["{engine.registry}/job@sha256:' in told
    _run_inside(inside, name, told, "--output", "again.txt", "--", "python", "-c", "open('again.txt', 'w').write('x')")
    ident = engine.image_id(name)
    engine.docker("rmi", "--force", name, own_image)
    refused = inside.run("replay", "plan", "@last", "--engine", "docker", "--offline", "--require", "exact")
    assert refused.returncode == 3
    found = _rerun(inside, "--require", "exact")
    assert found["verdict"] == "identical"
    assert engine.image_id(ident) == ident
