# SPDX-License-Identifier: Apache-2.0
"""Podman, by the interface that it shares with Docker: built, sealed, run, found again."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.containers.conftest import Harbour
from tests.services.docker_engine import DockerEngine
from tests.services.podman import running_podman


@pytest.mark.slow
def test_a_quantum_in_podman(harbour: Harbour, tmp_path: Path) -> None:
    uuid, _ = harbour.observatory.dataset("catalog")
    with running_podman(tmp_path) as podman:
        beside = Harbour(harbour.observatory, DockerEngine("unix:///nowhere.sock", "", podman.base), podman.variables)
        command = ("rerun-dataset", str(harbour.observatory.world.repo), uuid, "--engine", "podman")
        found = beside.json(*command, "--base", podman.base)
        assert found["verdict"] in ("identical", "equal")
        assert found["engine"] == "podman"
        layers = beside.layers(found)
        assert (layers["image"], layers["python_dists"]) == ("rebuilt", "exact")
        again = beside.json(*command, "--base", podman.base)
        assert again["verdict"] == found["verdict"]
        assert not any("build the image" in step for step in again["seconds"])
        # The control: what it runs in is really Podman's, and has no network.
        shown = beside.json("envcap", "show", f"attempt:{found['replay']}")
        assert shown["manifest"]["outcomes"]["container"]["status"] == "captured"
        plan = beside.run("replay", "plan", f"dataset:{uuid}", "--engine", "podman", "--base", podman.base)
        assert "podman: no network, read-only root" in plan.stdout
