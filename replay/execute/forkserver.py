# SPDX-License-Identifier: Apache-2.0
"""Runs many quanta in one environment, each in a fresh process.

A program of its own, of the standard library alone: ``python forkserver.py WORKER TELLING PROBE MAPPED OUTSIDE
MODULE…``. It imports the modules, which is what takes the time, then answers lines of JSON on its standard input. It
lets the worker, a package in a directory, ``prepare(REQUEST, RESPONSE)``, and forks, and the child runs
``answer(REQUEST, RESPONSE)``, then ``tell(TOLD, PROBE, MAPPED)`` of another program (`replay.readback`). When the child
has ended, the worker may ``finish(REQUEST, RESPONSE)``. Answers come in the order of the requests; one that comes while
a child runs is prepared then. No child sees what an earlier one left in memory. In a sandbox
with process ids of its own (OUTSIDE names another namespace than this process's), the server ends everything that a
child started, and empties the temporary directories.
"""

from __future__ import annotations

import gc
import importlib
import importlib.util
import json
import os
import select
import signal
import stat
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import Any

__all__ = ("main",)

_PACKAGE = "replay_worker"
_TEMPORARY = ("/tmp", "/var/tmp", "/dev/shm")  # noqa: S108
# Kernel documentation, cgroup-v1/memory.rst and cgroup-v2.rst: how often something was killed for want of memory.
_MEMORY_EVENTS = ("/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control")
# cgroup-v1/pids.rst and cgroup-v2.rst: how often a fork was refused.
_FORK_EVENTS = ("/sys/fs/cgroup/pids.events", "/sys/fs/cgroup/pids/pids.events")


class _Child:
    """The process that runs a quantum now."""

    pid = 0


def main() -> None:
    """Import, then serve until the standard input ends."""
    worker_path, telling_path, probe, mapped, outside, *modules = sys.argv[1:]
    alone = os.readlink("/proc/self/ns/pid") != outside
    signal.signal(signal.SIGINT, _interrupt)
    # What modules print must not be taken for an answer.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    worker, telling = _load_worker(worker_path), _load(telling_path)
    for part in (probe, mapped):
        _let(telling.load, part)
    for name in modules:
        _preload(name)
    gc.collect()
    requests = _Requests(worker)
    _say(answers, {"ready": True, "python": sys.version.split()[0]})
    while (task := requests.take()) is not None:
        started = time.monotonic()
        sys.stdout.flush()
        sys.stderr.flush()
        # A child's garbage collections would look at all that was imported, and so copy it.
        gc.freeze()
        before = _count(_MEMORY_EVENTS, "oom_kill "), _count(_FORK_EVENTS, "max ")
        pid = os.fork()
        if pid == 0:
            answers.close()
            requests.close()
            _run(worker, task)
            telling.tell(_opened(task["told"]), probe, mapped)
            _leave()
        _Child.pid = pid
        status, timed_out = _wait(pid, started + task["seconds"], requests)
        _Child.pid = 0
        _end_all(pid, alone)
        _let(worker.finish, task["request"], task["response"])
        found = {
            "status": status,
            "timed_out": timed_out,
            "out_of_memory": _count(_MEMORY_EVENTS, "oom_kill ") > before[0],
            "out_of_processes": _count(_FORK_EVENTS, "max ") > before[1],
        }
        _say(answers, {**found, "seconds": time.monotonic() - started})


class _Requests:
    """What is asked, line by line; the first that waits is prepared.

    Parameters
    ----------
    worker : module
    """

    def __init__(self, worker: Any) -> None:
        self._worker = worker
        self._read = b""
        self._over = False
        self._waiting: list[dict[str, Any]] = []
        self._prepared = False
        self._woken, self._wakes = os.pipe()
        os.set_blocking(self._wakes, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wakes, warn_on_full_buffer=False)

    def take(self) -> dict[str, Any] | None:
        """Return the next one, prepared, once there is one; `None` when there will be none."""
        while not self._waiting and not self._over:
            self._receive()
        if not self._waiting:
            return None
        self._prepare_first()
        self._prepared = False
        return self._waiting.pop(0)

    def listen(self, seconds: float) -> None:
        """Prepare the request that waits, if there is one; else wait for one, or for a signal, but not for long."""
        if self._waiting and not self._prepared:
            self._prepare_first()
            return
        asked = [] if self._over or self._waiting else [0]
        ready, _, _ = select.select([self._woken, *asked], [], [], seconds)
        if self._woken in ready:
            os.read(self._woken, 4096)
        if 0 in ready:
            self._receive()

    def close(self) -> None:
        """Hear no more, in a child, to which signals are what they are to any program."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.close(self._woken)
        os.close(self._wakes)

    def _receive(self) -> None:
        found = os.read(0, 1 << 16)
        self._over = not found
        *lines, self._read = (self._read + found).split(b"\n")
        self._waiting += map(json.loads, lines)

    def _prepare_first(self) -> None:
        if not self._prepared:
            self._prepared = True
            _let(self._worker.prepare, self._waiting[0]["request"], self._waiting[0]["response"])


def _say(answers: Any, found: dict[str, object]) -> None:
    answers.write(json.dumps(found) + "\n")
    answers.flush()


def _load(path: str) -> Any:
    """Return the module of a file."""
    spec = importlib.util.spec_from_file_location("replay_telling", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _load_worker(folder: str) -> Any:
    """Return the module ``worker`` of a package that stands in a directory, and is none of the payload's."""
    found = importlib.util.spec_from_file_location(
        _PACKAGE, os.path.join(folder, "__init__.py"), submodule_search_locations=[folder]
    )
    assert found is not None
    assert found.loader is not None
    package = sys.modules[_PACKAGE] = importlib.util.module_from_spec(found)
    found.loader.exec_module(package)
    return importlib.import_module(f"{_PACKAGE}.worker")


def _preload(name: str) -> None:
    try:
        importlib.import_module(name)
    except BaseException:  # noqa: BLE001  (the child meets it again, and says so in its answer)
        traceback.print_exc()


def _let(work: Callable[..., None], *paths: str) -> None:
    """Let the worker do in this process what no payload takes part in."""
    try:
        work(*paths)
    except BaseException:  # noqa: BLE001  (there is no good answer then, and whoever asked says so)
        traceback.print_exc()


def _interrupt(number: int, frame: object) -> None:
    """Hand an interruption on: the child takes back what is half made."""
    if _Child.pid:
        os.kill(_Child.pid, signal.SIGINT)


def _run(worker: Any, task: dict[str, Any]) -> None:
    """Be the child: a session of its own, no way back to whoever asks the server."""
    os.setsid()
    _draw_anew()
    null = os.open(os.devnull, os.O_RDONLY)
    log = _opened(task["log"])
    for given, number in ((null, 0), (log, 1), (log, 2)):
        os.dup2(given, number)
    os.environ.update(task["variables"])
    os.chdir(task["folder"])
    if task["umask"]:
        os.umask(int(task["umask"], 8))
    worker.answer(task["request"], task["response"])


def _draw_anew() -> None:
    """Seed NumPy's random numbers as a fresh import would: else what draws without a seed draws the same in each child.

    Python's own are seeded anew in a child (`random`).
    """
    module = sys.modules.get("numpy.random")
    if module is not None:
        module.seed()


def _leave() -> None:
    """End the child at once: to take apart what was imported takes longer than many a quantum."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _opened(path: str) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)


def _wait(pid: int, deadline: float, requests: _Requests) -> tuple[int, bool]:
    """Return a child's exit status (negative for a signal), and whether it took too long and was killed."""
    timed_out = False
    while True:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status), timed_out
        left = deadline - time.monotonic()
        if left <= 0 and not timed_out:
            timed_out = True
            _kill(pid)
        requests.listen(max(0.01, left))


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    with suppress(ProcessLookupError):  # it has no session of its own yet
        os.killpg(pid, signal.SIGKILL)


def _end_all(pid: int, alone: bool) -> None:
    """End what a child left running; alone, also what it hid in a session of its own, and its temporary files."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    if alone:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(-1, signal.SIGKILL)
    while True:
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                break
        except ChildProcessError:
            break
    for folder in _TEMPORARY if alone else ():
        _empty(folder)


def _empty(folder: str) -> None:
    """Delete what is in a directory, but nothing of what is mounted below it."""
    try:
        device = os.lstat(folder).st_dev
        names = os.listdir(folder)
    except OSError:
        return
    for name in names:
        path = os.path.join(folder, name)
        try:
            found = os.lstat(path)
            if found.st_dev != device:
                continue
            if stat.S_ISDIR(found.st_mode):
                _empty(path)
                os.rmdir(path)
            else:
                os.unlink(path)
        except OSError:
            continue  # the way to something mounted


def _count(paths: tuple[str, ...], name: str) -> int:
    """Return a counter of this control group, 0 where there is none."""
    for path in paths:
        try:
            with open(path, encoding="ascii") as stream:
                return sum(int(line.split()[1]) for line in stream if line.startswith(name))
        except (OSError, ValueError, IndexError):
            continue
    return 0


if __name__ == "__main__":
    main()
