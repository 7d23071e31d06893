# SPDX-License-Identifier: Apache-2.0
"""The program that forks for each quantum: one runs at a time, and the next one is prepared meanwhile."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from replay.execute import forkserver
from replay.readback.programs import Telling
from replay.sandbox.base import Limits
from replay.sandbox.unconfined import Unconfined

WORKER = """
import json, os, random, signal, sys, time
import numpy.random

prepared = []

def prepare(request, response):
    prepared.append(os.path.basename(request))
    with open(os.path.dirname(request) + "/prepared", "a") as stream:
        stream.write(os.path.basename(request) + "\\n")
    if "no-prepare" in os.path.basename(request):
        raise RuntimeError("not prepared")

def answer(request, response):
    if "slow" in os.path.basename(request):  # until the next one is prepared, which nothing else lets it see
        while open(os.path.dirname(request) + "/prepared").read().count("\\n") < 2:
            time.sleep(0.01)
    if "forever" in os.path.basename(request):
        time.sleep(600)
    if "dies" in os.path.basename(request):
        os.kill(os.getpid(), signal.SIGKILL)
    child = os.fork()
    if not child:
        os._exit(7)
    found = {
        "prepared": prepared,
        "child": os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]),
        "handler": signal.getsignal(signal.SIGCHLD) == signal.SIG_DFL,
        "wakes": signal.set_wakeup_fd(-1),
        "stdin": sys.stdin.read(),
        "drawn": [random.random(), numpy.random.random()],
    }
    with open(response, "w") as stream:
        json.dump(found, stream)

def finish(request, response):
    with open(os.path.dirname(request) + "/finished", "a") as stream:
        stream.write(os.path.basename(request) + "\\n")
"""


class Server:
    """A forkserver with a worker that tells what it was called for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        worker = folder / "worker"
        worker.mkdir()
        (worker / "__init__.py").write_text("")
        (worker / "worker.py").write_text(WORKER)
        telling = Telling(Unconfined(Limits()))
        parts = [telling.program, *telling.parts, os.readlink("/proc/self/ns/pid")]
        self.process = subprocess.Popen(
            [sys.executable, "-P", forkserver.__file__, str(worker), *parts],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.hear()["ready"]

    def ask(self, *names: str, seconds: float = 60) -> None:
        assert self.process.stdin is not None
        for name in names:
            task = {one: str(self.folder / f"{name}{end}") for one, end in
                    (("request", ""), ("response", ".response"), ("told", ".told"), ("log", ".log"))}  # fmt: skip
            others = {"variables": {}, "folder": str(self.folder), "seconds": seconds, "umask": None}
            self.process.stdin.write(json.dumps({**task, **others}) + "\n")
        self.process.stdin.flush()

    def hear(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        return dict(json.loads(self.process.stdout.readline()))

    def response(self, name: str) -> dict[str, Any]:
        return dict(json.loads((self.folder / f"{name}.response").read_text()))

    def lines(self, name: str) -> list[str]:
        return (self.folder / name).read_text().split()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    found = Server(tmp_path)
    yield found
    found.process.kill()
    found.process.wait()


def test_the_next_one_is_prepared_while_one_runs(server: Server) -> None:
    server.ask("slow-a", "b")
    assert server.hear()["status"] == server.hear()["status"] == 0
    # What the first one sees is what was there before it began.
    assert server.response("slow-a")["prepared"] == ["slow-a"]
    assert server.response("b")["prepared"] == ["slow-a", "b"]
    assert server.lines("finished") == ["slow-a", "b"]


def test_one_that_is_asked_for_later_too(server: Server) -> None:
    server.ask("slow-a")
    time.sleep(0.2)
    server.ask("b")
    assert server.hear()["status"] == server.hear()["status"] == 0


def test_no_more_than_one_is_prepared_ahead(server: Server) -> None:
    server.ask("slow-a", "b", "c")
    for _ in range(3):
        server.hear()
    assert server.response("b")["prepared"] == ["slow-a", "b"]
    assert server.lines("prepared") == ["slow-a", "b", "c"]


def test_a_payload_finds_signals_and_its_input_as_any_program_does(server: Server) -> None:
    server.ask("a")
    server.hear()
    found = server.response("a")
    assert (found["child"], found["handler"], found["wakes"], found["stdin"]) == (7, True, -1, "")


def test_what_draws_without_a_seed_draws_something_else_in_each(server: Server) -> None:
    server.ask("a", "b")
    assert server.hear()["status"] == server.hear()["status"] == 0
    first, second = server.response("a")["drawn"], server.response("b")["drawn"]
    assert first[0] != second[0]
    assert first[1] != second[1]


def test_one_that_dies_or_is_late_leaves_the_next_one_as_it_is(server: Server) -> None:
    server.ask("dies", "b")
    assert server.hear()["status"] == -9
    assert server.hear()["status"] == 0
    server.ask("forever", seconds=0.3)
    server.ask("c")
    late = server.hear()
    assert (late["timed_out"], late["status"]) == (True, -9)
    assert server.hear()["status"] == 0
    assert server.response("c")["prepared"] == ["dies", "b", "forever", "c"]


def test_what_goes_wrong_ahead_is_no_fault_of_the_one_that_runs(server: Server) -> None:
    server.ask("slow-a", "no-prepare-b")
    assert server.hear()["status"] == 0
    assert server.response("slow-a")["prepared"] == ["slow-a"]
    assert server.hear()["status"] == 0  # the worker's child says what it makes of it


def test_it_ends_with_its_input_once_all_is_answered(server: Server) -> None:
    server.ask("slow-a", "b")
    assert server.process.stdin is not None
    server.process.stdin.close()
    assert [server.hear()["status"], server.hear()["status"]] == [0, 0]
    assert server.process.wait(30) == 0
