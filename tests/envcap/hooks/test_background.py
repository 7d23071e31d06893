# SPDX-License-Identifier: Apache-2.0
"""Work beside the payload: done in order, waited for, and never a second thread where a payload forks."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time

import pytest

from envcap.hooks.background import Background

SLOWLY = "import os, sys, time\nfrom envcap.hooks.background import Background\nbackground = Background()\n"


def run(code: str) -> subprocess.CompletedProcess[str]:
    """Run some code, with warnings as errors, in a process of its own."""
    return subprocess.run([sys.executable, "-W", "error", "-c", SLOWLY + code], capture_output=True, text=True)


def test_it_is_done_in_order_while_the_payload_goes_on() -> None:
    background, done = Background(), []
    for number in range(5):

        def work(number: int = number) -> None:
            time.sleep(0.01)
            done.append(number)

        background.submit(work)
    assert len(done) < 5
    background.settle()
    assert done == [0, 1, 2, 3, 4]


def test_a_process_that_ends_waits_for_it() -> None:
    done = run("background.submit(lambda: (time.sleep(0.3), print('done')))\nprint('payload')")
    assert (done.stdout, done.stderr) == ("payload\ndone\n", "")


def test_as_a_process_ends_it_is_settled() -> None:
    ends = "import atexit\natexit.register(lambda: (background.settle(), print('settled')))\n"
    done = run(ends + "background.submit(lambda: (time.sleep(0.1), print('done')))")
    assert (done.stdout, done.stderr) == ("done\nsettled\n", "")


def test_a_child_of_multiprocessing_waits_for_it() -> None:
    code = (
        "import multiprocessing as m\n"
        "def child():\n"
        "    background.submit(lambda: (time.sleep(0.3), print('done', flush=True)))\n"
        "process = m.get_context('fork').Process(target=child)\nprocess.start()\nprocess.join()\n"
        "print(process.exitcode)"
    )
    done = run(code)
    assert (done.stdout, done.stderr) == ("done\n0\n", "")


def test_a_fork_waits_for_it_and_finds_one_thread() -> None:
    """Python 3.12 and later warn of a fork in a process of many threads, which is an error here."""
    code = (
        "background.submit(lambda: (time.sleep(0.2), print('before', flush=True)))\n"
        "pid = os.fork()\n"
        "if pid == 0:\n"
        "    background.submit(lambda: print('child', flush=True))\n"
        "    background.settle()\n"
        "    os._exit(0)\n"
        "os.waitpid(pid, 0)\n"
        "background.submit(lambda: print('parent', flush=True))\n"
        "background.settle()\n"
        "print(len(os.listdir('/proc/self/task')))"
    )
    done = run(code)
    assert (done.stdout, done.stderr) == ("before\nchild\nparent\n1\n", "")


def test_a_thread_that_forks_and_one_that_submits_do_not_wait_for_each_other() -> None:
    code = (
        "import threading\n"
        "done = threading.Event()\n"
        "def submit():\n"
        "    while not done.is_set():\n"
        "        background.submit(bool)\n"
        "        background.settle()\n"
        "thread = threading.Thread(target=submit)\nthread.start()\n"
        "for _ in range(150):\n"
        "    pid = os.fork()\n"
        "    if pid == 0:\n"
        "        os._exit(0)\n"
        "    os.waitpid(pid, 0)\n"
        "done.set()\nthread.join()\nprint('done')"
    )
    done = subprocess.run([sys.executable, "-c", SLOWLY + code], capture_output=True, text=True, timeout=120)
    assert (done.stdout, done.stderr) == ("done\n", "")


def test_where_there_can_be_no_thread_it_is_done_at_once_and_once(monkeypatch: pytest.MonkeyPatch) -> None:
    background, done = Background(), []

    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        background.submit(lambda: done.append((1, os.getpid())))
        assert done == [(1, os.getpid())]
    background.submit(lambda: done.append((2, os.getpid())))
    background.settle()
    assert done == [(1, os.getpid()), (2, os.getpid())]


def test_whoever_has_settled_finds_no_thread_of_it_however_it_ended() -> None:
    code = (
        "for number in range(500):\n"
        "    background.submit(lambda: number % 3 and time.sleep(0.0001))\n"
        "    time.sleep(number % 7 * 0.0001)\n"
        "    background.settle()\n"
        "    assert len(os.listdir('/proc/self/task')) == 1\n"
        "print('done')"
    )
    done = run(code)
    assert (done.stdout, done.stderr) == ("done\n", "")
