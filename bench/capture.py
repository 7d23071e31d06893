# SPDX-License-Identifier: Apache-2.0
"""What a capture of a large environment costs, beside peers that describe an environment (DESIGN.md, section 6).

The environment is a real conda prefix, made from a channel of its own, into which as many wheels were installed. Sizes,
by environment variables: ``CONDA`` and ``FILES`` (packages of conda's, and files of each), ``DISTS`` (of pip's),
``PAIRS``, ``ROUNDS`` (of what takes milliseconds).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.conda_channel import install, make_large_channel
from tests.services.package_index import running_index
from tests.services.small_wheels import make_wheel

from .hook import HERE, Pipeline, quantum_rows
from .job_environment import ROOT, JobEnvironment, Usage
from .paired import Figures, Row, measure_pairs, report, setting, value_row

__all__ = ("main",)

_IN_PROCESS = """
import json, sys, time
from envcap.collectors.registry import COLLECTORS
from envcap.environment import capture_environment
from envcap.memo import Memo
from envcap.revalidation import fingerprint_of, recalled
from envcap.store.local import LocalStore
from envcap.target import Target
what, folder, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
store = LocalStore(folder)
store.create()
target = Target.current()
taken = []
if what == "capture":
    for _ in range(rounds):
        began = time.perf_counter()
        environment = capture_environment(target, store)
        taken.append(time.perf_counter() - began)
    assert not environment.degraded, environment.outcomes
    found = {kind: json.loads(store.get(d.digest)) for kind, d in environment.software.items()}
    counts = [len(found["conda"]["packages"]), len(found["python_dists"]["distributions"]),
              len(found.get("os_packages", {"packages": []})["packages"])]
else:
    counts, memo = [], Memo()
    for _ in range(rounds):
        began = time.perf_counter()
        for cls in COLLECTORS:
            state = fingerprint_of(cls(), target)
            if state is not None and recalled(memo, cls(), target, state, store):
                counts.append(cls.kind)
        taken.append(time.perf_counter() - began)
    assert {"conda", "python_dists", "os_packages"} <= set(counts), counts
    counts = sorted(set(counts))
print(json.dumps([taken, counts]))
"""
_LSST = """
from lsst.utils.packages import Packages
print(len(Packages.fromSystem(include_all=True)))
"""


@dataclass(frozen=True)
class Large:
    """The environment, and what its peers are run with.

    Attributes
    ----------
    jobs : `JobEnvironment`
        Where uv, pip and envcap itself come from.
    python : `str`
        The prefix's interpreter.
    cyclonedx : `str`
        A folder with cyclonedx-py.
    """

    jobs: JobEnvironment
    python: str
    cyclonedx: str

    @classmethod
    def make(cls, jobs: JobEnvironment, folder: Path) -> Large:
        """Make the prefix."""
        packages, files, dists = setting("CONDA", 500), setting("FILES", 40), setting("DISTS", 300)
        prefix = folder / "prefix"
        install(make_large_channel(folder / "channel", packages, files), prefix, [f"p{packages - 1}", "python"])
        wheels = folder / "wheels"
        wheels.mkdir()
        for number in range(dists):
            make_wheel(wheels, f"dist{number}", f"1.{number}")
        made = [f"dist{number}==1.{number}" for number in range(dists)]
        python = str(prefix / "bin" / "python")
        quiet = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH")}
        command = [jobs.uv, "pip", "install", "--quiet", "--link-mode", "copy", "--compile-bytecode", "--python"]
        with running_index(wheels) as index:
            subprocess.run([*command, python, "--default-index", f"{index.url}/", *made], env=quiet, check=True)
        constraint = ["--constraint", os.path.join(ROOT, "requirements.lock"), "--refresh-package", "envcap"]
        subprocess.run([*command, python, *constraint, f"envcap @ {ROOT}", "lsst-utils"], env=quiet, check=True)
        cyclonedx = str(folder / "cyclonedx")
        subprocess.run([*command, jobs.python, "--target", cyclonedx, "cyclonedx-bom"], env=quiet, check=True)
        return cls(jobs, python, cyclonedx)

    def environ(self, cache: str) -> dict[str, str]:
        """Return the variables of a process in it."""
        path = os.pathsep.join((os.path.dirname(self.python), os.defpath))
        return self.jobs.environ(PATH=path, ENVCAP_CACHE=cache)

    def timed(self, what: str, rounds: int, *, cold: bool) -> tuple[list[float], list[object]]:
        """Return how long something took in a process, in seconds, and what it found."""
        cache = os.path.join(self.jobs.folder, "cold" if cold else "warm")
        if cold:
            shutil.rmtree(cache, ignore_errors=True)
        import json

        command = [self.python, "-c", _IN_PROCESS, what, os.path.join(cache, "store"), str(rounds)]
        done = subprocess.run(command, env=self.environ(cache), capture_output=True, text=True, check=True)
        taken, counts = json.loads(done.stdout)
        return taken, counts

    def capture(self, *, cold: bool) -> Usage:
        """Run a process that captures once."""
        cache = os.path.join(self.jobs.folder, "cold" if cold else "warm")
        if cold:
            shutil.rmtree(cache, ignore_errors=True)
        command = [self.python, "-c", _IN_PROCESS, "capture", os.path.join(cache, "store"), "1"]
        return self.jobs.run(command, environ=self.environ(cache))

    def peers(self) -> dict[str, Sequence[str]]:
        """Return the peers' commands by name."""
        return {
            "pip inspect": (self.python, self.jobs.pip, "inspect", "--local"),
            "pip freeze": (self.python, self.jobs.pip, "freeze", "--local"),
            "uv pip freeze": (self.jobs.uv, "pip", "freeze", "--python", self.python),
            "lsst.utils.packages, include_all": (self.python, "-c", _LSST),
            "cyclonedx-py environment": (self.jobs.python, "-m", "cyclonedx_py", "environment", self.python),
        }


def main() -> None:
    """Measure, print and keep the figures."""
    with tempfile.TemporaryDirectory() as folder:
        say("building the environments")
        jobs = JobEnvironment(folder)
        large = Large.make(jobs, Path(folder, "large"))
        rows: list[Row] = []
        for part in (machine_rows(jobs), in_process_rows(large), peer_rows(large), quantum_rows(Pipeline(jobs))):
            for row in part:
                say(f"{row.metric}: {row.value:.3g} {row.unit}")
                rows.append(row)
    report("capture", rows)


def say(line: str) -> None:
    """Tell the person who waits what is going on."""
    sys.stderr.write(f"{line}\n")


def machine_rows(jobs: JobEnvironment) -> Iterator[Row]:
    """Yield how fast this machine is: the short job of `bench.hook` alone, which took 57 ms where budgets were set."""
    folder = os.path.join(jobs.folder, "workload")
    shutil.copytree(os.path.join(HERE, "workload"), folder, ignore=shutil.ignore_patterns("__pycache__"))
    argv = [jobs.python, "short.py", "config.json", "out"]
    taken = [jobs.run(argv, cwd=folder).wall * 1000 for _ in range(setting("ROUNDS", 50))]
    yield value_row("this machine: the short job alone", taken, "ms", "57 ms where the budgets were set")


def in_process_rows(large: Large) -> Iterator[Row]:
    """Yield what captures take in a process that runs already."""
    large.timed("capture", 1, cold=True)  # the page cache is warm from here on
    cold = [large.timed("capture", 1, cold=True) for _ in range(setting("PAIRS", 5))]
    conda, dists, system = cold[0][1]
    sizes = f"{conda} conda, {dists} Python, {system} system packages"
    yield value_row("cold capture, in process", [taken[0] * 1000 for taken, _ in cold], "ms", sizes, 150)
    rounds = setting("ROUNDS", 50)
    large.timed("capture", 1, cold=False)
    # A fingerprint that young proves nothing, and nothing is remembered yet.
    subprocess.run(["sleep", "3"], check=True)
    large.timed("capture", 1, cold=False)
    taken, kinds = large.timed("revalidate", rounds, cold=False)
    named = ", ".join(map(str, kinds))
    yield value_row("revalidation: nothing has changed", [one * 1000 for one in taken], "ms", named, 3)
    taken, _ = large.timed("capture", rounds, cold=False)
    everything = "all collectors, code and host among them"
    yield value_row("warm capture, in process", [one * 1000 for one in taken[1:]], "ms", everything)


def peer_rows(large: Large) -> Iterator[Row]:
    """Yield whole processes against those of peers."""
    pairs = setting("PAIRS", 5)
    for name, command in large.peers().items():
        environ = large.environ(os.path.join(large.jobs.folder, "peer"))
        if name.startswith("cyclonedx"):
            environ["PYTHONPATH"] = large.cyclonedx

        def peer(command: Sequence[str] = command, environ: dict[str, str] = environ) -> Usage:
            return large.jobs.run(command, environ=environ)

        for kind in ("cold", "warm"):

            def capture(cold: bool = kind == "cold") -> Usage:
                return large.capture(cold=cold)

            measured = list(measure_pairs(peer, capture, pairs))
            figures = Figures.of(measured, lambda usage: usage.wall * 1000)
            yield figures.ratio_row(f"{kind} capture, whole process", "ms", name)


if __name__ == "__main__":
    main()
