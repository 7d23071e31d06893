# SPDX-License-Identifier: Apache-2.0
"""Quanta that do what they should not: each ends in ``failed`` with the cause, and none reaches the next."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.containers.conftest import Harbour

_ONE = "detector = 0 AND exposure IN (2026031400001, 2026031400002)"
_GUARD = "if os.environ.get('HOME', '').find('/job-') >= 0:"


def _misbehave(harbour: Harbour, *lines: str) -> str:
    """Let `MeasureTask` do something, but only in a replay; return a catalog's UUID."""
    harbour.observatory.edit_measure("import os", _GUARD, *(f"    {line}" for line in lines))
    harbour.observatory.observe(where=_ONE)
    return harbour.observatory.dataset("catalog")[0]


@pytest.mark.parametrize(
    ("lines", "limit", "told"),
    [
        pytest.param(
            ("import time", "time.sleep(600)"),
            "seconds=15",
            "it took more than 15 s, and was killed",
            id="sleeps for ever",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            ("held = []", "while True: held.append(bytearray(64 << 20))"),
            "memory=1g",
            "it took more than 1024 MiB of memory, and was killed",
            id="allocates without end",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            ("while True: os.fork()",),
            "pids=64",
            "it wanted more than 64 processes",
            id="forks without end",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            ("import socket", "socket.create_connection(('127.0.0.1', {port}), 3)"),
            "seconds=120",
            "Connection refused",
            id="tries the network",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_bomb(own_harbour: Harbour, lines: tuple[str, ...], limit: str, told: str) -> None:
    # The registry listens there, on the host's loopback: the container has one of its own, and nothing else.
    port = own_harbour.engine.registry.partition(":")[2]
    uuid = _misbehave(own_harbour, *(line.format(port=port) for line in lines))
    done = own_harbour.run(
        "rerun-dataset", str(own_harbour.observatory.world.repo), uuid,
        "--engine", "docker", "--base", own_harbour.engine.base, "--limit", limit,
    )  # fmt: skip
    assert done.returncode == 4, done.stderr
    (line,) = (line for line in done.stderr.splitlines() if line.startswith("rerun-dataset: "))
    assert told in line
    assert own_harbour.engine.containers_with(own_harbour.observatory.world.root) == []
    replayed = own_harbour.json("envcap", "jobs", "--replays", "--state", "failed")
    assert len(replayed) == 1


_LEAVES = (
    "import sys, subprocess, numpy",
    "found = [p for p in ('/tmp/left', '/dev/shm/left', '/var/tmp/left') if os.path.exists(p)]",
    "found += ['a module'] if hasattr(sys, 'left') or hasattr(numpy, 'left') else []",
    "found += ['a variable'] if 'LEFT' in os.environ else []",
    "found += ['the file mode mask'] if os.umask(0o27) == 0o27 else []",
    "found += ['home'] if os.path.exists(os.environ['HOME'] + '/left') else []",
    "found += ['the directory'] if os.getcwd() == '/' else []",
    "lines = [open(f'/proc/{p}/cmdline', 'rb').read() for p in os.listdir('/proc') if p.isdigit()]",
    "found += ['a process'] if any(b'left-running' in line for line in lines) else []",
    "if found: raise RuntimeError('leaked: ' + ', '.join(found))",
    "for p in ('/tmp/left', '/dev/shm/left', os.environ['HOME'] + '/left'): open(p, 'w').close()",
    "sys.left = numpy.left = True; os.environ['LEFT'] = '1'; os.chdir('/')",
    "command = [sys.executable, '-c', 'import time; time.sleep(60)', 'left-running']",
    "subprocess.Popen(command, start_new_session=True)",
)
"""A task that looks for what an earlier quantum left, and leaves something in every place that it can reach."""


@pytest.mark.slow
def test_no_state_leaks_from_one_quantum_to_the_next(own_harbour: Harbour, tmp_path: Path) -> None:
    _misbehave(own_harbour, *_LEAVES)
    observatory = own_harbour.observatory
    attempts = list(observatory.index().attempts("name LIKE 'measure {%'"))
    assert len(attempts) == 2
    selectors = [f"attempt:{attempt.manifest.attempt}" for attempt in attempts]
    found = own_harbour.json("replay", "run", *selectors, "--engine", "docker", "--base", own_harbour.engine.base)
    assert [verdict["verdict"] for verdict in found["verdicts"]] == ["identical", "identical"]
    assert len({verdict["place"] for verdict in found["verdicts"]}) == 1, "one isolated repository for both"
    # The control: in one process after the other's, as pipetask runs them, the second finds what the first left.
    home = tmp_path / "job-home"
    home.mkdir()
    variables = {**observatory.world.variables(), "HOME": str(home)}
    command = observatory.world.pipetask("u/me/control", "-d", _ONE)
    done = observatory.world.run(command, variables=variables, check=False)
    for left in ("/tmp/left", "/dev/shm/left"):
        Path(left).unlink(missing_ok=True)
    assert done.returncode != 0
    assert "leaked: " in done.stderr
    for what in ("/tmp/left", "/dev/shm/left", "a module", "a variable", "mask", "home", "the directory", "a process"):
        assert what in done.stderr
