# SPDX-License-Identifier: Apache-2.0
"""Kills writers and ingests at random moments for a while, and holds the store against what they acknowledged.

``SOAK_MINUTES`` says how long. It is no benchmark: what it prints is how much was tried, and it ends at the first loss.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import time

from envcap.store.checking import problems_of
from envcap.store.index import Index
from envcap.store.ingest import ingest
from envcap.store.local import LocalStore

from .job_environment import ROOT
from .paired import Row, report, setting

__all__ = ("main",)

_KILLS = 200


def main() -> None:
    """Kill, look, and keep how much was tried."""
    until = time.monotonic() + 60 * setting("SOAK_MINUTES", 10)
    chance = random.Random()
    kills = 0
    manifests: set[str] = set()
    results: set[str] = set()
    with tempfile.TemporaryDirectory() as folder:
        store = LocalStore(os.path.join(folder, "store"))
        while time.monotonic() < until:
            seed = chance.randrange(1 << 30)
            for told in killed(store, seed):
                kind, _, attempt = told.partition(" ")
                {"manifest": manifests, "result": results}[kind].add(attempt)
            kills += _KILLS
            check(store, manifests, results, seed)
            sys.stderr.write(f"{kills} kills, {len(manifests)} jobs, none lost\n")
    rows = [
        Row("kills", kills, "", "of writers, and of ingests"),
        Row("jobs acknowledged", len(manifests), "", "none lost"),
    ]
    report("soak", rows)


def killed(store: LocalStore, seed: int) -> list[str]:
    """Return what processes acknowledged that were killed."""
    command = [sys.executable, "-m", "tests.durability.victims", store.root, str(_KILLS), str(seed)]
    return list(json.loads(subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout))


def check(store: LocalStore, manifests: set[str], results: set[str], seed: int) -> None:
    """Raise `RuntimeError` if anything that was acknowledged is not there, or anything is damaged."""
    index: Index
    index, done = ingest(store, lambda: None, lambda done, whole: None)
    rows = index.columns("attempt, status")
    found = {attempt.hex() for attempt, _ in rows}
    ended = {attempt.hex() for attempt, status in rows if status == "ok"}
    lost = {one for one in manifests if one.replace("-", "") not in found}
    lost |= {one for one in results if one.replace("-", "") not in ended}
    problems = [*done.damaged, *index.unreadable, *problems_of(store, lambda done, whole: None)]
    index.close()
    if lost or problems:
        raise RuntimeError(f"seed {seed}: lost {sorted(lost)[:5]}, problems {problems[:5]}")


if __name__ == "__main__":
    main()
