# SPDX-License-Identifier: Apache-2.0
"""Jobs that differ: commands of the shell, which need no environment to be rebuilt, so that a trial takes a moment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from envcap.store.index import Index
from envcap.store.local import LocalStore
from replay.comparators.policies import EXACT
from replay.explain.bisecting import bisect_jobs
from replay.explain.bisection import Bisection
from replay.explain.explanation import Explanation, explain
from replay.explain.trial import Trial
from replay.jobs.base import CapturedJob
from replay.jobs.registry import captured_job
from replay.options import Options

_BIN = Path(sys.executable).parent


@dataclass
class Shop:
    """A directory in which commands run under capture, into a store of its own."""

    root: Path
    variables: dict[str, str]

    def write(self, name: str, text: str) -> None:
        """Write a file that a command is given."""
        (self.root / name).write_text(text, encoding="utf-8")

    def run(self, *options: str, command: tuple[str, ...] = ("sh", "job.sh"), **variables: str) -> str:
        """Run the script under capture, and return the attempt. Variables are kept by value."""
        return self._ran((*options, "--config", "job.sh", "--", *command), self.root, variables)

    def _ran(self, words: Sequence[str], folder: Path, variables: Mapping[str, str]) -> str:
        kept = [word for name in ("ONE", "TWO", "THREE", "FOUR", "FIVE", "SIX") for word in ("--env", name)]
        argv = [str(_BIN / "envcap"), "run", *kept, *words]
        subprocess.run(argv, cwd=folder, env={**self.variables, **variables}, check=True, capture_output=True)
        return max(one.manifest.attempt for one in self.index().attempts("replay_of IS NULL"))

    def python(self, folder: str, text: str, *options: str, **variables: str) -> str:
        """Run a program of Python in a directory of its own, where it writes ``out.txt``, and return the attempt."""
        (self.root / "code").mkdir(exist_ok=True)
        self.write("code/job.py", text)
        (self.root / folder).mkdir(exist_ok=True)
        words = ("--output", "out.txt", *options, "--", sys.executable, "../code/job.py")
        return self._ran(words, self.root / folder, variables)

    def index(self) -> Index:
        """Return the index of the store."""
        return Index(LocalStore.existing(self.variables["ENVCAP_STORE"]))

    def job(self, attempt: str) -> CapturedJob:
        """Return an attempt for replaying."""
        index = self.index()
        (found,) = [one for one in index.attempts("replay_of IS NULL") if one.manifest.attempt == attempt]
        return captured_job(index, found)

    def bisect(self, a: str, b: str, said: list[Trial] | None = None) -> Bisection:
        """Bisect two attempts."""
        told = said if said is not None else []
        return bisect_jobs(self.job(a), self.job(b), Options(), lambda trial, changes: told.append(trial))

    def explain(self, a: str, b: str) -> Explanation:
        """Explain two attempts."""
        return explain(self.job(a), self.job(b), EXACT)

    def replay(self, *command: str, status: int) -> Any:
        """Run `replay` as a user, with ``--json``."""
        return json.loads(self.told(*command, "--json", status=status).stdout)

    def told(self, *command: str, status: int) -> subprocess.CompletedProcess[str]:
        """Run `replay` as a user."""
        argv = [str(_BIN / "replay"), *command]
        done = subprocess.run(argv, cwd=self.root, env=self.variables, check=False, capture_output=True, text=True)
        assert "Traceback" not in done.stderr
        assert done.returncode == status, done.stderr
        return done


_PLACES = {"ENVCAP_STORE": "store", "ENVCAP_CACHE": "cache", "ENVCAP_KEY": "key", "HOME": "home"}


def _shop(root: Path, places: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    for name, folder in _PLACES.items():
        monkeypatch.setenv(name, str(places / folder))
    (places / "home").mkdir(exist_ok=True)
    return Shop(root, {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")})


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """An empty shop."""
    return _shop(tmp_path, tmp_path, monkeypatch)


@pytest.fixture(scope="session")
def warm_places(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store, a cache and a key that many tests share."""
    return tmp_path_factory.mktemp("warm")


@pytest.fixture
def warm(tmp_path: Path, warm_places: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """A directory of one's own, and a store in which this Python's environment is known: its capture takes seconds."""
    return _shop(tmp_path, warm_places, monkeypatch)
