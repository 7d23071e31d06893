# SPDX-License-Identifier: Apache-2.0
"""An observatory for end-to-end tests: a world in which the pipeline runs under capture."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from envcap.store.index import Attempt, Index
from envcap.store.local import LocalStore
from examples.world import World

__all__ = ("CHANGED_DEFAULTS", "COADD", "Observatory", "snapshot")

COADD = ("--data-id", "instrument=StarCam", "--data-id", "detector=0", "--collection", "u/me/first")
"""Options of `rerun-dataset` that, after ``coadd``, name one dataset of the first run."""

CHANGED_DEFAULTS = (
    ("starfield/calibrate.py", "default=2.5", "default=4.0"),
    ("starfield/measure.py", "default=5.0, min=1.0", "default=7.0, min=1.0"),
    ("starfield/coadd.py", "default=[0.1, 0.8, 0.1]", "default=[0.25, 0.5, 0.25]"),
)
"""Defaults of the tasks' code that change after the pipeline ran. Each of them would change the outputs."""


@dataclass(frozen=True)
class Observatory:
    """A world in which the pipeline ran once, under capture."""

    world: World

    def run(self, *command: str, job: bool = False) -> subprocess.CompletedProcess[str]:
        """Run a command as a user; a traceback that reaches the user is a bug, whatever the command is."""
        done = self.world.run(command, variables=self.world.variables(job=job), check=False)
        assert "Traceback" not in done.stdout + done.stderr, done.stderr
        return done

    def json(self, *command: str, status: int = 0) -> Any:
        """Run a command with ``--json`` and return its document."""
        done = self.run(*command, "--json")
        assert done.returncode == status, done.stderr
        return json.loads(done.stdout)

    def observe(self, *arguments: str, output: str = "u/me/own", where: str = "detector = 0") -> None:
        """Run the pipeline under capture."""
        done = self.run("envcap", "run", "--", *self.world.pipetask(output, "-d", where, *arguments), job=True)
        assert done.returncode == 0, done.stderr

    def edit_measure(self, *lines: str) -> None:
        """Let `MeasureTask.run` begin with other lines."""
        first = "        image = calibrated"
        text = "".join(f"        {line}\n" for line in lines)
        self.world.edit(self.world.stack / "starfield" / "measure.py", first, text + first)

    def clone(self, root: Path) -> Observatory:
        """Return another world with the same job environment and raw frames, the first code, and an empty store."""
        world = World(root)
        world.env.symlink_to(self.world.env)
        # The environment to rebuild is the same; `forget_environments` is for tests that change it.
        (root / "cache").mkdir(parents=True, exist_ok=True)
        for name in ("venv", "wheels"):
            (self.world.root / "cache" / name).mkdir(parents=True, exist_ok=True)
            (root / "cache" / name).symlink_to(self.world.root / "cache" / name)
        shutil.copytree(self.world.repo, world.repo)
        world.make_stack()
        return Observatory(world)

    def forget_environments(self) -> None:
        """Let this world's replays rebuild their environments themselves."""
        for name in ("venv", "wheels"):
            (self.world.root / "cache" / name).unlink()

    def index(self) -> Index:
        """Return the index of the store."""
        return Index(LocalStore.existing(str(self.world.store)))

    def attempt(self, name: str, run: str | None = None) -> Attempt:
        """Return the first attempt whose name begins so."""
        found = self.index().attempts("name LIKE ? AND replay_of IS NULL", (name + "%",))
        return next(one for one in found if run is None or (one.manifest.job.run or "").startswith(run))

    def dataset(self, dataset_type: str, run: str | None = None) -> tuple[str, Path]:
        """Return UUID and file of the first output of a type."""
        for attempt in self.index().attempts("replay_of IS NULL"):
            for output in attempt.result.outputs if attempt.result else ():
                if output.dataset_type == dataset_type and (run or "") in (output.file.uri or ""):
                    assert output.dataset is not None
                    return output.dataset, Path((output.file.uri or "").removeprefix("file://"))
        raise AssertionError(f"no {dataset_type} was recorded")

    def rerun(self, *arguments: str, repo: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run `rerun-dataset`."""
        return self.run("rerun-dataset", str(repo or self.world.repo), *arguments)


def snapshot(*roots: Path) -> dict[str, str]:
    """Return the digest of every file below some directories."""
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for root in roots
        for path in sorted(root.rglob("*"))
        if path.is_file() and not path.name.startswith("index.sqlite")
    }
