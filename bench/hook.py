# SPDX-License-Identifier: Apache-2.0
"""What capture costs a pipeline, a workflow of BPS, a common and a short job (DESIGN.md, section 6).

Sizes, by environment variables: ``PAIRS`` (of the pipeline, the common job and the cold capture), ``SHORT_PAIRS`` (of
the short job), ``BPS_PAIRS`` (of the workflow), ``ROUNDS`` (of each quantum).
"""

from __future__ import annotations

import io
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from envcap.store.journal import END, Record, read_journal
from envcap.store.pack import PackWriter

from .bps import Workflow, bps_rows
from .instructions import instruction_rows
from .job_environment import ROOT, JobEnvironment, Usage
from .paired import Figures, Row, measure_pairs, report, setting, value_row

__all__ = ("main",)

HERE = os.path.dirname(os.path.abspath(__file__))

_CAPTURE = """
import json, sys, time
from envcap.environment import capture_environment
from envcap.store.local import LocalStore
from envcap.target import Target
store = LocalStore(sys.argv[1] + "/store")
store.create()
target = Target.current()
began = time.perf_counter()
environment = capture_environment(target, store)
taken = (time.perf_counter() - began) * 1000
dists = json.loads(store.get(environment.software["python_dists"].digest))["distributions"]
with open(sys.argv[1] + "/figures.json", "w") as stream:
    json.dump([taken, len(dists), environment.degraded], stream)
"""


def main() -> None:
    """Measure, print and keep the figures."""
    with tempfile.TemporaryDirectory() as folder:
        say("building the environment of the jobs")
        jobs = JobEnvironment(folder)
        pipeline = Pipeline(jobs)
        rows: list[Row] = []
        for part in (
            pipeline_rows(pipeline),
            instruction_rows(pipeline.run, jobs.python, folder),
            quantum_rows(pipeline),
            quantum_size_rows(pipeline),
            bps_rows(pipeline.workflow()),
            job_rows(jobs),
            job_size_rows(jobs),
            capture_rows(jobs),
        ):
            for row in part:
                say(f"{row.metric}: {row.value:.3g} {row.unit}")
                rows.append(row)
    report("hook", rows)


def say(line: str) -> None:
    """Tell the person who waits what is going on."""
    sys.stderr.write(f"{line}\n")


class Pipeline:
    """The demo pipeline on a repository of its own; each run goes to a new RUN."""

    def __init__(self, jobs: JobEnvironment) -> None:
        self.jobs = jobs
        self._runs = 0
        code = os.path.join(jobs.folder, "starfield")
        shutil.copytree(os.path.join(ROOT, "examples", "starfield"), code, ignore=shutil.ignore_patterns("__pycache__"))
        self._repository = os.path.join(jobs.folder, "repo")
        self._definition = os.path.join(code, "pipelines", "starfield.yaml")
        self._environ = jobs.environ(PYTHONPATH=code)
        jobs.run([jobs.python, "-m", "starfield.repository", self._repository], environ=self._environ)

    def workflow(self) -> Workflow:
        """Return the pipeline as a workflow of BPS, on the same repository."""
        return Workflow(self.jobs, self._repository, self._definition, self._environ)

    def run(self, *command: str) -> Usage:
        """Run the pipeline in one process, behind the words of a command."""
        self._runs += 1
        output = f"u/bench/{self._runs}"
        argv = ["run", "-b", self._repository, "-i", "StarCam/defaults", "-o", output, "-p", self._definition]
        return self.jobs.run([*command, *argv, "-j", "1", "--register-dataset-types"], environ=self._environ)


def pipeline_rows(pipeline: Pipeline) -> Iterator[Row]:
    """Yield what `envcap run` costs a whole pipetask."""
    pairs = measure_pairs(
        lambda: pipeline.run("pipetask"),
        lambda: pipeline.run("envcap", "run", "--", "pipetask"),
        setting("PAIRS", 9),
    )
    yield Figures.of(pairs, lambda usage: usage.wall).ratio_row("demo pipeline: wall time", "s", "without envcap", 1.02)
    yield Figures.of(pairs, lambda usage: usage.cpu).ratio_row("demo pipeline: CPU time", "s", "without envcap")


def quantum_rows(pipeline: Pipeline) -> Iterator[Row]:
    """Yield what the hook costs one quantum of a running pipetask; `bench.quantum_driver` tells how."""
    figures = os.path.join(pipeline.jobs.folder, "figures.json")
    driver = os.path.join(HERE, "quantum_driver.py")
    pipeline.run("envcap", "run", "--", "python", driver, figures, str(setting("ROUNDS", 15)))
    with open(figures, encoding="utf-8") as stream:
        found = json.load(stream)
    quanta = found["quanta"]
    wall = [_own(quantum, 0) for quantum in quanta]
    yield value_row("quantum: the hook's own time", wall, "ms", f"{len(quanta)} quanta of all tasks", 1.0)
    yield value_row("quantum: the hook's own CPU time", [_own(quantum, 1) for quantum in quanta], "ms")
    for label in dict.fromkeys(quantum["label"] for quantum in quanta):
        of_task = [_own(quantum, 0) for quantum in quanta if quantum["label"] == label]
        yield value_row(f"quantum of {label}: the hook's own time", of_task, "ms", f"{len(of_task)} quanta")
    pairs = [pair for quantum in quanta for pair in zip(quantum["off"], quantum["on"], strict=True)]
    cpu = Figures.of(pairs, lambda taken: taken[1])
    yield cpu.difference_row("quantum: CPU time added, by pairs", "ms", f"hook off, {len(pairs)} noisy pairs")
    yield cpu.ratio_row("quantum: CPU time", "ms", "hook off")
    yield Figures.of(pairs, lambda taken: taken[0]).ratio_row("quantum: wall time", "ms", "hook off")
    once = sum(wall for wall, _ in found["process"].values())
    yield Row("process: the hook's own time before the first quantum", once, "ms", "configs, init-outputs")


def _own(quantum: dict[str, Any], which: int) -> float:
    """Return the median of a quantum's executions of the hook's own wall (0) or CPU time (1)."""
    return float(statistics.median(sum(taken[which] for taken in own.values()) for own in quantum["own"]))


def quantum_size_rows(pipeline: Pipeline) -> Iterator[Row]:
    """Yield what one further run of the pipeline, in a known environment, leaves in the store."""
    journals, others = _growth(pipeline.jobs.store, lambda: pipeline.run("envcap", "run", "--", "pipetask"))
    (journal,) = journals
    # The command's own are the first two, its recipe and manifest, and the last, its result.
    records = [record for record in _records(journal) if record.kind != END][2:-1]
    # The init quantum, of a task that has init-outputs, isn't counted, but its bytes are.
    count = sum(record.kind == "result" for record in records) - 1
    yield from _size_rows("quantum", records, count, f"{count} quanta in one journal")
    yield Row("store, further run of the pipeline: new objects", others, "B", "environment and configs are known")


def job_size_rows(jobs: JobEnvironment) -> Iterator[Row]:
    """Yield what further commands, in a known environment, leave in the store; to come after `job_rows`."""
    folder = os.path.join(jobs.folder, "workload")
    count = setting("SHORT_PAIRS", 41)
    argv = ["envcap", "run", "--", "python", "short.py", "config.json", "out"]
    journals, _ = _growth(jobs.store, lambda: [jobs.run(argv, cwd=folder) for _ in range(count)])
    records = [record for journal in journals for record in _records(journal)]
    yield from _size_rows("short job", records, count, f"{count} journals together")


def _size_rows(what: str, records: Sequence[Record], count: int, versus: str) -> Iterator[Row]:
    unsealed = sum(record.end - record.offset for record in records)
    yield Row(f"store, further {what}: unsealed", unsealed / count, "B", versus)
    writer = PackWriter(io.BytesIO())
    for record in records:
        if record.kind != END:
            writer.add(record.kind, record.data, record.seal)
    writer.finish()
    yield Row(f"store, further {what}: sealed", writer.size / count, "B", versus, budget=600)


def _records(journal: str) -> list[Record]:
    return [found for found in read_journal(journal) if isinstance(found, Record)]


def _growth(store: str, action: Callable[[], object]) -> tuple[list[str], int]:
    """Do something and return the journals that it added to a store, and how many bytes it added beside them."""
    before = set(_files(store))
    action()
    new = [path for path in _files(store) if path not in before]
    journals = [path for path in new if f"{os.sep}journal{os.sep}" in path]
    return journals, sum(os.path.getsize(path) for path in {*new} - {*journals})


def job_rows(jobs: JobEnvironment) -> Iterator[Row]:
    """Yield what `envcap run` costs a common and a short job, with and without declared files."""
    plain = os.path.join(jobs.folder, "workload")
    shutil.copytree(os.path.join(HERE, "workload"), plain, ignore=shutil.ignore_patterns("__pycache__"))
    in_git = os.path.join(jobs.folder, "workload-in-git")
    shutil.copytree(plain, in_git)
    _commit(in_git)
    jobs.run([jobs.python, "make_inputs.py", "inputs"], cwd=plain)
    inputs = [word for i in range(3) for word in ("--input", f"inputs/exp{i}.fits")]
    declared = ["--config", "config.json", *inputs, "--output", "out/coadd.fits", "--output", "out/catalog.json"]
    short_declared = ["--config", "config.json", "--output", "out/short.json"]
    common_pairs, short_pairs = setting("PAIRS", 9), setting("SHORT_PAIRS", 41)
    yield from job_pair(jobs, "common job", "job.py", plain, [], common_pairs, 1.03)
    yield from job_pair(jobs, "common job, its files declared", "job.py", plain, declared, common_pairs, 1.03)
    yield from job_pair(jobs, "short job", "short.py", plain, [], short_pairs, 1.6)
    yield from job_pair(jobs, "short job, its files declared", "short.py", plain, short_declared, short_pairs, 1.6)
    yield from job_pair(jobs, "short job, its script in git", "short.py", in_git, [], short_pairs, None)


def _commit(folder: str) -> None:
    git = ("git", "-C", folder, "-c", "user.name=bench", "-c", "user.email=bench@localhost", "-c", "commit.gpgsign=no")
    for command in (("init", "--quiet"), ("add", "."), ("commit", "--quiet", "--message", "workload")):
        subprocess.run([*git, *command], check=True)


def job_pair(
    jobs: JobEnvironment,
    name: str,
    script: str,
    folder: str,
    options: Sequence[str],
    count: int,
    budget: float | None,
) -> Iterator[Row]:
    """Yield the rows of one job."""
    job = ["python", script, "config.json", "out"]
    pairs = measure_pairs(
        lambda: jobs.run(job, cwd=folder),
        lambda: jobs.run(["envcap", "run", *options, "--", *job], cwd=folder),
        count,
    )
    wall = Figures.of(pairs, lambda usage: usage.wall)
    yield wall.ratio_row(f"{name}: wall time", "s", "without envcap", budget)
    yield Figures.of(pairs, lambda usage: usage.cpu).ratio_row(f"{name}: CPU time", "s", "without envcap")


def capture_rows(jobs: JobEnvironment) -> Iterator[Row]:
    """Yield the cost of a cold capture: no store yet, but the page cache is warm."""
    captures: list[float] = []
    facts: list[tuple[int, bool]] = []

    def capture() -> float:
        with tempfile.TemporaryDirectory(dir=jobs.folder) as folder:
            usage = jobs.run([jobs.python, "-c", _CAPTURE, folder])
            with open(os.path.join(folder, "figures.json"), encoding="utf-8") as stream:
                taken, distributions, degraded = json.load(stream)
        captures.append(taken)
        facts.append((distributions, degraded))
        return usage.wall

    peers = {
        "pip inspect": [jobs.python, jobs.pip, "inspect"],
        "uv pip freeze": [jobs.uv, "pip", "freeze", "--python", jobs.python],
    }
    rows = [peer_row(jobs, capture, name, argv, setting("PAIRS", 9)) for name, argv in peers.items()]
    distributions, degraded = facts[0]
    versus = f"{distributions} distributions, empty store" + (", degraded" if degraded else "")
    yield value_row("cold capture, in process", captures, "ms", versus, 150)
    yield from rows


def peer_row(jobs: JobEnvironment, capture: Callable[[], float], name: str, argv: list[str], pairs: int) -> Row:
    """Return the row that compares the whole process of a capture with that of a peer."""
    measured = measure_pairs(lambda: jobs.run(argv).wall, capture, pairs)
    return Figures.of(measured, lambda wall: wall * 1000).ratio_row("cold capture, whole process", "ms", name)


def _files(store: str) -> Iterator[str]:
    for folder, _, names in os.walk(store):
        yield from (os.path.join(folder, name) for name in names)


if __name__ == "__main__":
    main()
