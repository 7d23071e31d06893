# SPDX-License-Identifier: Apache-2.0
"""Whether an attempt without a result still runs: told from its writer, as the kernel knows it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from envcap.model.manifest import Writer
from envcap.store import state
from envcap.store.state import state_of, this_process

SAY = (
    "import sys\nfrom envcap.store.state import this_process\n"
    "sys.stdout.buffer.write(this_process().to_bytes() + b'\\n')\nsys.stdout.flush()\nsys.stdin.read()"
)


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    """Give a process that says who it is and then waits."""
    with subprocess.Popen([sys.executable, "-c", SAY], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        yield process
        process.kill()


def writer_of(child: subprocess.Popen[bytes]) -> Writer:
    """Return what a child says of itself."""
    assert child.stdout is not None
    return Writer.from_bytes(child.stdout.readline())


def changed(writer: Writer, **members: object) -> Writer:
    """Return a writer of which something is otherwise."""
    return Writer.checked({**writer.data, **members})


def test_a_live_writer_runs_and_a_killed_one_is_lost(child: subprocess.Popen[bytes]) -> None:
    writer = writer_of(child)
    assert writer.pid == child.pid
    assert state_of(writer) == "running"
    child.send_signal(signal.SIGSTOP)
    assert state_of(writer) == "running"
    child.kill()
    child.wait()
    assert state_of(writer) == "lost"


def test_a_zombie_is_lost(child: subprocess.Popen[bytes]) -> None:
    writer = writer_of(child)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert os.path.exists(f"/proc/{child.pid}")
    assert state_of(writer) == "lost"


def test_a_pid_that_was_given_to_another_process_is_lost() -> None:
    writer = this_process()
    assert state_of(writer) == "running"
    assert writer.start is not None
    assert state_of(changed(writer, start=str(int(writer.start) - 1))) == "lost"


def test_after_a_reboot_of_the_same_machine_it_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "_machine", lambda: "0123456789abcdef")
    before = changed(this_process(), boot_id="another", machine="0123456789abcdef")
    assert state_of(before) == "lost"
    # Another machine of this name, with a process of the same pid, may still be at work.
    assert state_of(changed(before, machine="fedcba9876543210")) == "unknown"
    assert state_of(changed(before, machine=None)) == "unknown"


def test_the_machines_own_id_does_not_leave_it() -> None:
    found = Path("/etc/machine-id")
    if not found.exists():
        pytest.skip("this machine has no id")
    told = this_process().machine
    assert told is not None
    assert told not in found.read_text()
    assert len(told) == 16


def test_on_another_host_it_is_unknown() -> None:
    assert state_of(changed(this_process(), boot_id="another", host="node17")) == "unknown"


@pytest.mark.parametrize("name", ["boot_id", "start"])
def test_a_writer_that_could_not_tell_is_unknown(name: str) -> None:
    assert state_of(changed(this_process(), **{name: None})) == "unknown"


def test_a_pid_of_another_namespace_is_unknown(cannot: Callable[[str, str], None]) -> None:
    # There, the pid is 1 or so, which is a live process here.
    command = ["unshare", "--pid", "--fork", "--kill-child", sys.executable, "-c", SAY]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        if not said:
            cannot("unshare --pid", process.communicate()[1].decode().strip())
        writer = Writer.from_bytes(said)
        assert state_of(writer) == "unknown"
        # Without the namespace, a pid of theirs would be taken for one of ours.
        assert state_of(changed(writer, pid_namespace=this_process().pid_namespace)) in ("lost", "running")
        process.kill()


def test_a_name_with_brackets_and_spaces_does_not_confuse() -> None:
    code = "import ctypes; ctypes.CDLL(None).prctl(15, b'a) Z (b) X', 0, 0, 0)\n" + SAY
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        writer = writer_of(process)
        with open(f"/proc/{process.pid}/stat", encoding="utf-8") as stream:
            assert "(a) Z (b) X)" in stream.read()
        assert state_of(writer) == "running"
        process.kill()
    assert state_of(writer) == "lost"


def test_reads_back(child: subprocess.Popen[bytes]) -> None:
    writer = writer_of(child)
    assert json.loads(writer.to_bytes())["host"] == os.uname().nodename
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as stream:
        assert writer.boot_id == stream.read().strip()
