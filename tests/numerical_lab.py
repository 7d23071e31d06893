# SPDX-License-Identifier: Apache-2.0
"""A small environment with NumPy, and a job whose last bits follow from kernels, threads and instruction sets."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from envcap.hooks.loaded import NUMERICS
from envcap.model.components import NumericalLibrary
from envcap.store.index import Attempt, Index
from envcap.store.local import LocalStore
from examples.world import World
from tests.elsewhere import effective

__all__ = ("JOB", "NumericalLab", "numerics", "openblas", "other_kernel")

JOB = """\
import math, sys
import numpy as np
rng = np.random.default_rng(7)
a, x = rng.standard_normal((257, 257)), 3 * rng.standard_normal(100003)
parts = [(a @ a).ravel(), np.linalg.eigh(a + a.T)[0], np.exp(x), np.tanh(x), [x @ x]]
np.save(sys.argv[1], np.concatenate([*parts, [math.exp(v) for v in x[:2000]], [math.sin(v) for v in x[:2000]]]))
"""


@dataclass(frozen=True)
class NumericalLab:
    """A world with an environment and a store, in which commands are captured and replayed."""

    world: World

    def make(self) -> None:
        """Make the environment."""
        self.world.make_small_environment("numpy")

    @property
    def store(self) -> LocalStore:
        """The store."""
        return LocalStore(str(self.world.store))

    @property
    def key(self) -> Path:
        """The user's key."""
        return self.world.root / "key"

    def capture(self, folder: Path, job: str = JOB, *options: str, **variables: str) -> Attempt:
        """Run a job under capture, in a directory that is outside git."""
        folder.mkdir(exist_ok=True)
        (folder / "job.py").write_text(job, encoding="utf-8")
        return self.capture_command(folder, "python", *options, "job.py", "out.npy", **variables)

    def capture_command(self, folder: Path, *command: str, **variables: str) -> Attempt:
        """Run a command that makes ``out.npy`` under capture."""
        environ = {**self.world.variables(), "PYTHONPATH": "", **variables}
        job_id = uuid4().hex  # other workers capture into this store, too
        line = ["envcap", "run", "--job-id", job_id, "--output", "out.npy", "--", *command]
        done = subprocess.run(line, cwd=folder, env=environ, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        (captured,) = Index(self.store).attempts("job_id = ? AND replay_of IS NULL", (job_id,))
        return captured

    def ask(self, code: str, **variables: str) -> str:
        """Return what a program of the environment prints."""
        python = str(self.world.env / "bin" / "python")
        return self.world.run([python, "-c", code], variables={**self.world.variables(), **variables}).stdout.strip()

    def kernel(self) -> str:
        """Return the kernel that OpenBLAS chooses here."""
        program = (
            "import numpy; from envcap.collectors.numerics_probe import LibraryProbe as n;"
            "from envcap.hooks.mapped import mapped_files as m;"
            "print(*(one['kernel'] for one in n(m()).numerics()['libraries'] if one['kind'] == 'openblas'))"
        )
        return self.ask(program)

    def replay(self, attempt: str, *options: str, status: int = 0) -> dict[str, Any]:
        """Replay an attempt, and return the verdict."""
        done = self.run("replay", "run", f"attempt:{attempt}", *options, "--json")
        assert done.returncode == status, done.stderr
        return dict(json.loads(done.stdout))

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command as a user."""
        done = self.world.run(command, variables=self.world.variables(job=False), check=False)
        assert "Traceback" not in done.stdout + done.stderr, done.stderr
        return done

    def load(self, attempt: str) -> Attempt:
        """Return an attempt."""
        return Index(self.store).load(attempt)


def numerics(verdict: dict[str, Any]) -> tuple[str, str]:
    """Return fidelity and detail of the layer."""
    (found,) = (one for one in verdict["layers"] if one["layer"] == NUMERICS.removeprefix("effective_"))
    return found["fidelity"], found["detail"]


def openblas(lab: NumericalLab, attempt: Attempt) -> NumericalLibrary:
    """Return what OpenBLAS said of itself at the end of an attempt."""
    (process,) = effective(lab.store, attempt).processes
    (found,) = (one for one in process.libraries if one.kind == "openblas")
    return found


def other_kernel(lab: NumericalLab) -> str:
    """Return a kernel that this processor can run, and that OpenBLAS doesn't choose here."""
    has_avx2 = "avx2" in Path("/proc/cpuinfo").read_text(encoding="utf-8").split()
    return "Haswell" if has_avx2 and lab.kernel() != "Haswell" else "Nehalem"
