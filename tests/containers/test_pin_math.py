# SPDX-License-Identifier: Apache-2.0
"""`--pin-math` in a container: what is pinned is asked for inside, and read back from inside."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.elsewhere import from_elsewhere
from tests.numerical_lab import NumericalLab
from tests.services.docker_engine import DockerEngine


@pytest.mark.slow
def test_a_command_is_pinned(
    lab: NumericalLab, docker_engine: DockerEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", docker_engine.host)
    captured = lab.capture(tmp_path / "work", OPENBLAS_CORETYPE="Nehalem")
    attempt = from_elsewhere(lab.store, lab.key, captured)
    options = ("--engine", "docker", "--base", docker_engine.base)
    plain, pinned = lab.replay(attempt, *options, status=1), lab.replay(attempt, *options, "--pin-math")
    for found, verdict, fidelity, word in (
        (plain, "different", "substituted", "instead of Nehalem"),
        (pinned, "identical", "exact", "read back: Nehalem"),
    ):
        (layer,) = (one for one in found["layers"] if one["layer"] == "numerics")
        assert (found["verdict"], layer["fidelity"]) == (verdict, fidelity)
        assert word in layer["detail"]
