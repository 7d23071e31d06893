# SPDX-License-Identifier: Apache-2.0
"""Podman's service with a store and settings of its own, for one test."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.services.docker_engine import base_archive
from tests.services.packages import need

__all__ = ("Podman", "running_podman")

_SECONDS = 60.0
_CONF = """
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "none"
[network]
network_backend = "cni"
"""
_STORAGE = """
[storage]
driver = "overlay"
graphroot = "{folder}/store"
runroot = "{folder}/run"
"""


@dataclass(frozen=True)
class Podman:
    """A service that answers.

    Attributes
    ----------
    variables : mapping
        What a user of it has in the environment.
    base : `str`
        Id of a base image with Python.
    """

    variables: dict[str, str]
    base: str


@contextmanager
def running_podman(folder: Path) -> Iterator[Podman]:
    """Start the service, and stop it by its process id."""
    need("podman")
    if os.geteuid() != 0:
        pytest.skip("without root, podman wants a range of user ids that nobody gave to this user")
    (folder / "containers.conf").write_text(_CONF)
    (folder / "storage.conf").write_text(_STORAGE.format(folder=folder))
    # A socket's path has at most 107 bytes (unix(7)); a test's directory may be longer.
    socket = Path(f"/run/envcap-podman-{os.getpid()}.sock")
    variables = {
        "CONTAINERS_CONF": str(folder / "containers.conf"),
        "CONTAINERS_STORAGE_CONF": str(folder / "storage.conf"),
        "CONTAINER_HOST": f"unix://{socket}",
    }
    environ = {**os.environ, **variables}
    del environ["CONTAINER_HOST"]  # it would make podman itself a client
    command = ["podman", "system", "service", "--time=0", f"unix://{socket}"]
    with open(folder / "podman.log", "wb") as log:
        process = subprocess.Popen(command, env=environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + _SECONDS
        while not socket.exists():
            assert process.poll() is None, (folder / "podman.log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        name = "localhost/envcap-test-base:1"
        subprocess.run(["podman", "import", base_archive(), name], env=environ, check=True, capture_output=True)
        shown = subprocess.run(["podman", "inspect", name], env=environ, check=True, capture_output=True).stdout
        yield Podman(variables, f"sha256:{json.loads(shown)[0]['Id']}")
    finally:
        process.terminate()
        process.wait()
        socket.unlink(missing_ok=True)
        subprocess.run(["podman", "rmi", "--all", "--force"], env=environ, capture_output=True, check=False)
