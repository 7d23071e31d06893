# SPDX-License-Identifier: Apache-2.0
"""Whether an attempt without a result still runs, died without a word, or can't be asked."""

from __future__ import annotations

import os

from ..digest import sha256_hex
from ..model.manifest import Writer

__all__ = ("boot_id", "runs", "state_of", "this_process")


def this_process() -> Writer:
    """Return the description of this process by which a later reader can tell whether it still lives."""
    pid = os.getpid()
    if pid not in _processes:
        _processes.clear()  # what a forked child has inherited
        _processes[pid] = Writer(
            host=os.uname().nodename,
            machine=_machine(),
            boot_id=boot_id(),
            pid=pid,
            start=_start_time(pid),
            pid_namespace=_pid_namespace(),
        )
    return _processes[pid]


_processes: dict[int, Writer] = {}


def state_of(writer: Writer) -> str:
    """Return ``running``, ``lost`` or ``unknown`` for an attempt that has no result.

    Parameters
    ----------
    writer : `Writer`
        The process that would write the result.
    """
    if writer.boot_id is None or writer.start is None:
        return "unknown"
    if writer.boot_id != boot_id():
        # The same node after a reboot: nothing of that boot still runs. Another node can't be asked from here.
        is_same = writer.machine is not None and writer.machine == _machine() and writer.host == os.uname().nodename
        return "lost" if is_same else "unknown"
    if writer.pid_namespace != _pid_namespace():
        return "unknown"
    if _start_time(writer.pid) == writer.start:
        return "running"
    # Where others' processes are hidden (proc(5), "hidepid"), the first one is, too.
    return "lost" if os.path.exists("/proc/1/stat") else "unknown"


def runs(pid: int) -> bool:
    """Whether there is a process of a pid which has not ended."""
    return _start_time(pid) is not None


def boot_id() -> str | None:
    """Return what tells this start of this node from others; `None` if it can't be read."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="utf-8") as stream:
            return stream.read().strip()
    except OSError:
        return None


def _machine() -> str | None:
    try:
        with open("/etc/machine-id", "rb") as stream:
            found = stream.read(64).strip()
    except OSError:
        return None
    return sha256_hex(b"envcap machine\n" + found)[:16] if found else None


def _start_time(pid: int) -> str | None:
    """Return field 22 of ``/proc/PID/stat`` (proc(5)); `None` for a process that is gone or a zombie."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stream:
            fields = stream.read().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else fields[19]


def _pid_namespace() -> str | None:
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return None
