# SPDX-License-Identifier: Apache-2.0
"""Each restriction of a container, by a probe that notices if it is taken away."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from replay.image.client import EngineClient, connect
from replay.sandbox.base import Ended, Limits, Mount, Program
from replay.sandbox.container import ContainerSandbox
from tests.services.docker_engine import DockerEngine

_MEMORY = 256 << 20
_LIMITS = Limits(memory=_MEMORY, pids=64, cpus=1, seconds=60, scratch=8 << 20)


@dataclass(frozen=True)
class Probe:
    """A program that ends with 0 only while a restriction holds.

    Attributes
    ----------
    without : mapping
        The container's options without the restriction.
    code : `str`
        Python.
    """

    without: dict[str, Any]
    code: str


_BIND = "import socket; socket.create_connection(('{registry}'.split(':')[0], int('{registry}'.split(':')[1])), 2)"
_FAILS = "\ntry:\n    {code}\nexcept OSError as err:\n    print(err)\nelse:\n    raise SystemExit(1)\n"

PROBES = {
    "no network": Probe(
        {"network_mode": "host"},
        "import os; raise SystemExit(os.listdir('/sys/class/net') != ['lo'])",
    ),
    "no way to a server": Probe({"network_mode": "host"}, _FAILS.format(code=_BIND)),
    # An ordinary user could not write there anyway: so the file system itself is asked.
    "a read-only root": Probe(
        {"read_only": False}, "import os; raise SystemExit(not os.statvfs('/').f_flag & os.ST_RDONLY)"
    ),
    "nothing to write into": Probe({"read_only": False, "user": "0:0"}, _FAILS.format(code="open('/opt/file', 'w')")),
    "no capabilities": Probe(
        {"cap_drop": None},
        "s = open('/proc/self/status').read(); raise SystemExit(int(s.split('CapBnd:')[1].split()[0], 16) != 0)",
    ),
    "no way to gain privileges": Probe(
        {"security_opt": None},
        "s = open('/proc/self/status').read(); raise SystemExit(s.split('NoNewPrivs:')[1].split()[0] != '1')",
    ),
    "an ordinary user": Probe({"user": "0:0"}, "import os; raise SystemExit(os.getuid() == 0 or os.getgid() == 0)"),
    "few processes": Probe(
        {"pids_limit": -1},
        "import os, time\ntry:\n    for _ in range(200):\n        if os.fork() == 0:\n"
        "            time.sleep(20); os._exit(0)\nexcept BlockingIOError:\n    os._exit(0)\nos._exit(1)",
    ),
    "little memory": Probe(
        {"mem_limit": None, "memswap_limit": None},
        "import os\npid = os.fork()\nif pid == 0:\n    x = bytearray(700 << 20); os._exit(0)\n"
        "raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) != -9)",
    ),
    "one processor": Probe(
        {"nano_cpus": None},
        # Control groups of either version; a busy machine would make a measurement of it worthless.
        "import os\nv1, v2 = '/sys/fs/cgroup/cpu/cpu.cfs_quota_us', '/sys/fs/cgroup/cpu.max'\n"
        "raise SystemExit(open(v1 if os.path.exists(v1) else v2).read().split()[0] != '100000')",
    ),
    "a small temporary directory": Probe(
        {"tmpfs": {"/tmp": "rw"}},
        _FAILS.format(code="open('/tmp/file', 'wb').write(bytes(20 << 20))"),
    ),
    "no program in the temporary directory": Probe(
        {"tmpfs": {"/tmp": "rw,exec"}},
        "import os, shutil; shutil.copy('/bin/true', '/tmp/true'); raise SystemExit(os.system('/tmp/true') == 0)",
    ),
    "memory of its own": Probe(
        {"ipc_mode": "host"},
        "import os; raise SystemExit(os.readlink('/proc/self/ns/ipc') == '{ipc}')",
    ),
    "a first process that reaps": Probe({"init": False}, "raise SystemExit('init' not in open('/proc/1/comm').read())"),
}


@pytest.fixture
def client(docker_engine: DockerEngine, monkeypatch: pytest.MonkeyPatch) -> EngineClient:
    """A connection to the engine."""
    monkeypatch.setenv("DOCKER_HOST", docker_engine.host)
    return connect("docker")


@pytest.fixture
def run(client: EngineClient, docker_engine: DockerEngine, writable: Path) -> Callable[..., Ended]:
    """Give a function that runs Python in a sandbox, some options of which may be replaced."""
    base = client.find(docker_engine.base)
    assert base is not None

    def run(code: str, without: dict[str, Any] | None = None, limits: Limits = _LIMITS) -> Ended:
        class Loose(ContainerSandbox):
            def options(self) -> dict[str, Any]:
                return {**super().options(), **(without or {})}

        sandbox = Loose(client, base.id, limits)
        program = Program(
            ["python3", "-c", code],
            {},
            [Mount(str(writable), "/scratch", writable=True)],
            "/scratch",
            str(writable / "log"),
        )
        with sandbox.start(program) as process:
            return process.wait(limits.seconds)

    return run


@pytest.mark.parametrize("name", PROBES)
def test_a_restriction(name: str, run: Callable[..., Ended], docker_engine: DockerEngine) -> None:
    probe = PROBES[name]
    code = probe.code.replace("{registry}", docker_engine.registry).replace("{ipc}", os.readlink("/proc/self/ns/ipc"))
    held = run(code)
    assert held.status == 0, held
    # The tamper case: without the restriction, the probe fails.
    assert run(code, probe.without).status != 0


def test_each_option_that_confines_is_taken_away_by_a_probe(client: EngineClient) -> None:
    confining = set(ContainerSandbox(client, "sha256:none", _LIMITS).options())
    assert confining - {name for probe in PROBES.values() for name in probe.without} == {
        "hostname", "log_config", "ulimits",  # these confine nothing
    }  # fmt: skip
    # The user hides what others forbid, so no other option may be proved only together with it.
    alone = {name for probe in PROBES.values() if "user" not in probe.without for name in probe.without}
    assert confining - alone == {"user", "hostname", "log_config", "ulimits"}


def test_what_is_mounted_is_read_only_but_for_one_place(
    client: EngineClient, docker_engine: DockerEngine, writable: Path, tmp_path: Path
) -> None:
    given = tmp_path / "given"
    given.mkdir()
    (given / "file").write_text("as it was")
    (given / "file").chmod(0o666)
    given.chmod(0o777)
    base = client.find(docker_engine.base)
    assert base is not None
    code = "open('/scratch/made', 'w').write('new'); open('/given/file', 'w').write('changed')"

    def run(writable_input: bool) -> Ended:
        mounts = [Mount(str(writable), "/scratch", writable=True), Mount(str(given), "/given", writable=writable_input)]
        program = Program(["python3", "-c", code], {}, mounts, "/scratch", str(writable / "log"))
        with ContainerSandbox(client, base.id, _LIMITS).start(program) as process:
            return process.wait(60)

    assert run(False).status == 1
    assert "Read-only file system" in (writable / "log").read_text()
    assert (writable / "made").read_text() == "new"
    assert (given / "file").read_text() == "as it was"
    assert run(True).status == 0  # the control


def test_time_is_limited_and_the_container_is_gone(
    run: Callable[..., Ended], docker_engine: DockerEngine, writable: Path
) -> None:
    ended = run("import time; time.sleep(600)", limits=Limits(memory=_MEMORY, seconds=2))
    assert ended.cause == "it took more than 2 s, and was killed"
    assert docker_engine.containers_with(writable) == []


def test_running_out_of_memory_is_told(run: Callable[..., Ended]) -> None:
    ended = run("x = bytearray(700 << 20)")
    assert ended.cause == "it took more than 256 MiB of memory, and was killed"
    assert run("x = bytearray(10 << 20)").cause is None
