# SPDX-License-Identifier: Apache-2.0
"""Processes that write to a store and are killed at some moment of it, and what they had been told was written.

Run as a program (``python -m tests.durability.victims STORE KILLS SEED``) it prints what was acknowledged as JSON: a
process that forks as much as this one should have no threads.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable

from envcap.environment import Environment
from envcap.errors import StoreError
from envcap.hooks.attempt import AttemptWriter
from envcap.model.components import Command
from envcap.model.descriptor import describe_bytes
from envcap.model.manifest import Job
from envcap.store.ingest import ingest
from envcap.store.journal import Journal
from envcap.store.local import LocalStore
from envcap.target import Target

__all__ = ("kill_writers", "write_jobs")

_LONGEST_S = 0.03
_INGESTS = 6
_RECORDS = 3


def write_jobs(store: LocalStore, acknowledge: Callable[[str], None], seed: int) -> None:
    """Write jobs for ever, each with an object of its own, and tell of each document once it is written."""
    chance = random.Random(seed)
    while True:
        journal = Journal(store.root)
        for _ in range(chance.randrange(1, 4)):
            data = chance.randbytes(chance.randrange(1, 5000))
            store.put(data)
            environment = Environment(Target.none({}))
            environment.software["source"] = describe_bytes("application/octet-stream", data)
            work = Command(argv=["reduce", str(seed), str(chance.random())], config={}, inputs={})
            job = Job(kind="command", name="reduce", activator="test", argv=["reduce"])
            writer = AttemptWriter(journal, environment, work, job)
            writer.begin()
            acknowledge(f"manifest {writer.attempt}")
            writer.end(status="ok")
            acknowledge(f"result {writer.attempt}")
        journal.close()


def _ingest(store: LocalStore) -> None:
    ingest(store, lambda: None, lambda done, whole: None, workers=0)[0].close()


def kill_writers(root: str, kills: int, seed: int) -> list[str]:
    """Let writers work, and now and then an ingest, kill each at some moment, and return what they acknowledged."""
    store = LocalStore(root)
    store.create()
    chance = random.Random(seed)
    acknowledged: list[str] = []
    for number in range(kills):
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reader)
            _be_a_victim(store, writer, number, is_ingest=number % _INGESTS == _INGESTS - 1)
        os.close(writer)
        time.sleep(chance.random() * _LONGEST_S)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        with open(reader, encoding="ascii") as stream:
            acknowledged += stream.read().splitlines()
    return acknowledged


def _be_a_victim(store: LocalStore, writer: int, number: int, *, is_ingest: bool) -> None:
    try:
        if is_ingest:
            _ingest(store)
        else:
            write_jobs(store, lambda told: os.write(writer, f"{told}\n".encode()) and None, number)
    except StoreError as err:
        os.write(writer, f"error {err}\n".encode())
    finally:
        os._exit(0)


if __name__ == "__main__":
    json.dump(kill_writers(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])), sys.stdout)
