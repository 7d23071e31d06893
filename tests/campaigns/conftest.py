# SPDX-License-Identifier: Apache-2.0
"""What tests of campaigns share: an observatory whose pipeline ran in two environments, and campaigns in it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from envcap.ids import uuid_text
from examples.world import World
from replay.campaign.permits import Permits
from tests.conftest import _once
from tests.observatory import Observatory

EXPOSURES = 26
QUANTA = EXPOSURES * 4 + 2
"""Of one run of the pipeline: two detectors, each exposure calibrated and measured, and a coadd of each detector."""

OTHER = "pyyaml==6.0.2"
"""What the second environment has in another version."""

FIVE = "detector = 0 AND exposure IN (2026031400001, 2026031400002)"
"""Of the pipeline's run on these, five quanta: two to calibrate, two to measure, and a coadd."""


@dataclass(frozen=True)
class Campaigns(Observatory):
    """A world in which campaigns run.

    Attributes
    ----------
    folder : `pathlib.Path`
        Where they are.
    more : mapping
        Further environment variables of whoever runs them.
    """

    folder: Path = Path()
    more: Mapping[str, str] = field(default_factory=dict)

    def variables(self) -> dict[str, str]:
        """Return the variables of whoever runs campaigns."""
        return {**self.world.variables(job=False), "ENVCAP_CAMPAIGNS": str(self.folder), **self.more}

    def campaign(self, *words: str, status: int = 0) -> str:
        """Run `replay campaign` to its end, and return what it printed on both streams."""
        done = self.start(*words)
        out, _ = done.communicate(timeout=580)
        assert done.returncode == status, out
        assert "Traceback" not in out
        return out

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start `replay campaign`."""
        return subprocess.Popen(
            ["replay", "campaign", *words],
            env=self.variables(),
            cwd=self.world.root,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def create(self, name: str, *words: str) -> str:
        """Create a campaign of the world's repository."""
        return self.campaign("create", name, "--repo", str(self.world.repo), *words)

    def status(self, name: str) -> dict[str, Any]:
        """Return the counts of a campaign."""
        found: dict[str, Any] = json.loads(self.campaign("status", name, "--json"))
        return found

    def verdicts(self, name: str) -> Counter[str]:
        """Return how many verdicts of a campaign the store has, by attempt: that is the truth."""
        definition = json.loads((self.folder / name / "campaign.json").read_text())
        index = self.index()
        found: Counter[str] = Counter()
        for replay, original in index.columns("attempt, replay_of", "replay_of IS NOT NULL"):
            document = index.verdict(uuid_text(replay))
            if isinstance(document, dict) and document.get("campaign") == definition["id"]:
                found[str(original)] += 1
        return found

    def planned(self, name: str) -> list[dict[str, str]]:
        """Return the quanta of a campaign."""
        found: list[dict[str, str]] = json.loads((self.folder / name / "campaign.json").read_text())["quanta"]
        return found

    def lines(self, name: str, kind: str = "entry") -> list[dict[str, Any]]:
        """Return all entries in a campaign's ledgers, also if there are several of one quantum; or other lines."""
        texts = [path.read_text() for path in sorted((self.folder / name / "judged").glob("*.jsonl"))]
        whole = [line for text in texts for line in text.splitlines(keepends=True) if line.endswith("\n")]
        found = [one for one in map(json.loads, whole) if kind in one]
        return [one["entry"] for one in found] if kind == "entry" else found

    def assert_judged_once(self, name: str) -> None:
        """Check that each quantum has one verdict in the store, and one entry."""
        attempts = {one["attempt"] for one in self.planned(name)}
        assert self.verdicts(name) == Counter(attempts)
        assert Counter(one["attempt"] for one in self.lines(name)) == Counter(attempts)


def _make_two(world: World) -> None:
    world.make_environment()
    world.make_stack()
    world.make_repo("--exposures", str(EXPOSURES))
    world.run(["envcap", "run", "--", *world.pipetask("u/me/first")])
    world.install("--no-deps", OTHER)
    world.run(["envcap", "run", "--", *world.pipetask("u/me/second")])


@pytest.fixture(scope="session")
def two(shared_tmp: Path) -> Campaigns:
    """The pipeline ran on all exposures, twice: in an environment, and after one of its distributions had changed."""
    world = World(shared_tmp / "two")
    _once(world.root, lambda: _make_two(world))
    return Campaigns(world, world.root / "campaigns")


@pytest.fixture(scope="session")
def observed(observatory: Observatory, shared_tmp: Path) -> Observatory:
    """A world in which the pipeline ran on two exposures of one detector: five quanta."""
    world = World(shared_tmp / "few")

    def make() -> None:
        observatory.clone(world.root).observe(where=FIVE)

    _once(world.root, make)
    return Observatory(world)


@pytest.fixture
def some(observed: Observatory, tmp_path: Path) -> Campaigns:
    """Campaigns in that world, which a test must not change."""
    return Campaigns(observed.world, tmp_path / "campaigns")


@pytest.fixture
def few(own: Observatory, tmp_path: Path) -> Campaigns:
    """A world like it, that a test may change."""
    own.observe(where=FIVE)
    return Campaigns(own.world, tmp_path / "campaigns")


def worker_environ(campaigns: Campaigns) -> dict[str, str]:
    """Return the variables of a worker's process."""
    return {**os.environ, **campaigns.variables(), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}


def judge(campaigns: Campaigns, folder: Path, request: dict[str, Any], before: str = "") -> list[dict[str, Any]]:
    """Let one worker judge quanta in one batch, after some code of its process, and return what it said."""
    done = subprocess.run(
        [sys.executable, "-c", f"{before}\nfrom replay.campaign.worker import main\nmain()", str(folder)],
        input=json.dumps({"batch": Permits(str(folder)).give(), **request}) + "\n",
        env=worker_environ(campaigns),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]
