# SPDX-License-Identifier: Apache-2.0
"""Where jobs run twice: environments from small wheels, the jobs' code in git, a store."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from envcap.errors import EnvcapError
from envcap.store.index import Index
from envcap.store.local import LocalStore
from replay.explain.bisecting import bisect_jobs
from replay.explain.explanation import explain
from replay.jobs.registry import captured_job
from replay.options import Options
from tests.services.small_wheels import make_wheel

from ..job_environment import ROOT
from .cause import Cause, Score

__all__ = ("Side", "Workshop")

_JOBS = Path(__file__).parent / "jobs"
_OFFSET = "OFFSET = {}\n"
_GAIN = "import driftoffset\n\nGAIN = {}\n\n\ndef gained(count):\n    return (count - driftoffset.OFFSET) * GAIN\n"
_UNRELATED = ("driftalpha", "driftbeta", "driftgamma")
"""Distributions that no job imports."""

Side = str
"""``a``, the job as it was, or ``b``, with the cause and all that doesn't matter."""


class Workshop:
    """A directory with all that is needed.

    Parameters
    ----------
    root : `pathlib.Path`
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.store = LocalStore(str(root / "store"))
        self._wheels = root / "wheels"
        self._wheels.mkdir()
        os.environ |= {"ENVCAP_CACHE": str(root / "cache"), "ENVCAP_KEY": str(root / "key")}

    @cache  # noqa: B019  (there is one workshop, and it lives as long as the benchmark)
    def environment(self, versions: tuple[tuple[str, str], ...], python: str = sys.executable) -> Path:
        """Return an environment with numpy, envcap and the benchmark's own distributions in some versions."""
        folder = self.root / "environments" / str(len(list((self.root / "environments").glob("*"))))
        folder.parent.mkdir(exist_ok=True)
        wheels = [str(self._wheel(name, version)) for name, version in versions]
        self.uv("venv", "--quiet", "--no-project", "--python", python, str(folder))
        pins = ["--constraint", os.path.join(ROOT, "requirements.lock")]
        self.uv("pip", "install", "--quiet", "--python", str(folder), *pins, f"envcap @ {ROOT}", "numpy", *wheels)
        return folder

    def versions(self, side: Side, **others: str) -> tuple[tuple[str, str], ...]:
        """Return the versions of one side: the unrelated ones are newer in the second."""
        unrelated = dict.fromkeys(_UNRELATED, "1" if side == "a" else "2")
        return tuple(sorted({"driftgain": "1", "driftoffset": "1", **unrelated, **others}.items()))

    def wheels(self, side: Side) -> list[str]:
        """Return the unrelated distributions of one side, as files."""
        return [str(self._wheel(name, version)) for name, version in self.versions(side) if name in _UNRELATED]

    def _wheel(self, name: str, version: str) -> Path:
        code = {"driftgain": _GAIN.format(f"1.{version}"), "driftoffset": _OFFSET.format(f"10.{version}")}
        path = self._wheels / f"{name}-{version}-py3-none-any.whl"
        return path if path.exists() else make_wheel(self._wheels, name, version, code.get(name, ""))

    def code(self, folder: Path) -> Path:
        """Put the jobs' code into git in a folder, and return where it is."""
        code = folder / "stars"
        shutil.copytree(_JOBS, code, ignore=shutil.ignore_patterns("__pycache__"))
        (code / ".gitignore").write_text("*.json\n*.npy\n*.txt\n__pycache__/\n", encoding="utf-8")
        git = ("git", "-C", str(code), "-c", "user.name=bench", "-c", "user.email=bench@localhost",
               "-c", "commit.gpgsign=false")  # fmt: skip
        dates = dict.fromkeys(("GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"), "2026-01-01T00:00:00Z")
        for command in (("init", "--quiet"), ("add", "--all"), ("commit", "--quiet", "--message", "jobs")):
            self.run([*git, *command], environ={**os.environ, **dates})
        return code

    def capture(
        self,
        environment: Path,
        argv: Sequence[str],
        cwd: Path,
        declared: Sequence[str] = (),
        variables: Mapping[str, str] | None = None,
    ) -> None:
        """Run a job under capture."""
        environ = {**self.variables(environment), **(variables or {})}
        self.run(["envcap", "run", *declared, "--", *argv], cwd=cwd, environ=environ)

    def variables(self, environment: Path) -> dict[str, str]:
        """Return the environment variables of a job."""
        return {
            "HOME": str(self.root),
            "LANG": "C.UTF-8",
            "PATH": os.pathsep.join((str(environment / "bin"), os.defpath)),
            "ENVCAP_STORE": self.store.root,
            "ENVCAP_CACHE": str(self.root / "cache"),
            "ENVCAP_KEY": str(self.root / "key"),
        }

    def last(self, name: str = "") -> str:
        """Return the latest attempt of a job whose name begins so."""
        index = Index(self.store)
        found = index.attempts("replay_of IS NULL AND name LIKE ?", (name + "%",))
        return max(one.manifest.attempt for one in found)

    def score(self, cause: Cause, folder: Path) -> Score:
        """Inject a cause, and return what the tools made of it."""
        folder.mkdir(parents=True)
        attempts = cause.run(str(folder))
        index = Index(self.store)
        a, b = (captured_job(index, index.load(one)) for one in attempts)
        options = Options()
        found = Score.of(cause, explain(a, b, options.policy).suspects)
        began = time.perf_counter()
        try:
            bisection = bisect_jobs(a, b, options, lambda trial, changes: None)
        except EnvcapError as err:
            return found.refused(str(err), time.perf_counter() - began)
        return found.bisected(bisection, time.perf_counter() - began)

    def said(self, command: Sequence[str]) -> str:
        """Run a program of this interpreter's environment, and return what it says."""
        program = os.path.join(os.path.dirname(sys.executable), command[0])
        done = subprocess.run([program, *command[1:]], check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def run(self, command: Sequence[str], *, cwd: Path | None = None, environ: Mapping[str, str] | None = None) -> None:
        """Run a command, which has to succeed.

        Raises
        ------
        RuntimeError
            With the end of what it said.
        """
        none = subprocess.DEVNULL
        done = subprocess.run(
            command, cwd=cwd or self.root, env=environ, check=False, capture_output=True, text=True, stdin=none
        )
        if done.returncode or "envcap: " in done.stderr:
            raise RuntimeError(f"{' '.join(command)}: status {done.returncode}\n{(done.stdout + done.stderr)[-2000:]}")

    def uv(self, *arguments: str) -> None:
        """Run uv."""
        from uv import find_uv_bin

        self.run([find_uv_bin(), *arguments])
