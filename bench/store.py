# SPDX-License-Identifier: Apache-2.0
"""What a store of 10^6 jobs costs, with its index in SQLite and in PostgreSQL (DESIGN.md, section 6).

The jobs are synthetic (`bench.synthetic`): 3 environments, 41 hosts, 10 jobs a process. The store grows in steps of
ten, so that the slopes are seen. Sizes, by environment variables: ``JOBS`` (at the end), ``LOOKUPS`` (of each kind).
"""

from __future__ import annotations

import os
import random
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import NamedTuple

from envcap.store.index import Index
from envcap.store.ingest import ingest
from envcap.store.local import LocalStore
from envcap.store.selector import resolve
from tests.services.postgresql import running_postgresql

from .fill import fill
from .paired import Row, report, setting
from .synthetic import synthetic_jobs

__all__ = ("main",)

_KEPT = 2000
_PREFIX = 19
_WORKERS = 2


class Sample(NamedTuple):
    """By what a job can be looked up."""

    attempt: str
    quantum: str
    dataset: str
    digest: str


SELECTORS: dict[str, Callable[[Sample], str]] = {
    "job id": lambda job: f"attempt:{job.attempt}",
    "quantum": lambda job: f"quantum:{job.quantum}",
    "dataset": lambda job: f"dataset:{job.dataset}",
    "digest prefix": lambda job: job.digest[:_PREFIX],
}


def main() -> None:
    """Measure, print and keep the figures."""
    jobs = setting("JOBS", 1_000_000)
    steps = [step for step in (jobs // 100, jobs // 10, jobs) if step >= 100]
    with tempfile.TemporaryDirectory() as folder, running_postgresql() as url:
        store = LocalStore(os.path.join(folder, "store"))
        store.create()
        rows: list[Row] = []
        samples: list[Sample] = []
        before = 0
        for seed, step in enumerate(steps):
            say(f"writing {step - before} jobs")
            samples += written(store, step - before, seed)
            for part in (ingest_rows(store, before, step), lookup_rows(store, samples, "SQLite", step)):
                rows += told(part)
            before = step
        rows += told(bare_rows(folder, min(jobs, 100_000)))
        rows += told(anew_rows(store, jobs, "SQLite", Index(store).path))
        rows += told(command_rows(store, samples))
        os.environ["ENVCAP_INDEX"] = url
        rows += told(anew_rows(store, jobs, "PostgreSQL", None))
        rows += told(lookup_rows(store, samples, "PostgreSQL", jobs))
        rows += told(more_rows(store, jobs // 100, len(steps)))
    report("store", rows)


def say(line: str) -> None:
    """Tell the person who waits what is going on."""
    sys.stderr.write(f"{line}\n")


def told(rows: Iterator[Row]) -> Iterator[Row]:
    """Pass rows on, and say each."""
    for row in rows:
        say(f"{row.metric}: {row.value:.4g} {row.unit} {row.versus}")
        yield row


def written(store: LocalStore, count: int, seed: int) -> list[Sample]:
    """Write jobs, by several processes, and return some of them."""
    share = count // _WORKERS
    with ProcessPoolExecutor(_WORKERS) as pool:
        parts = [pool.submit(_write, store.root, share, seed * _WORKERS + worker) for worker in range(_WORKERS)]
        return [sample for part in parts for sample in part.result()]


def _write(root: str, count: int, seed: int) -> list[Sample]:
    every = max(count * _WORKERS // _KEPT, 1)
    return [
        Sample(job.attempt, job.quantum, job.dataset, job.digest)
        for number, job in enumerate(fill(LocalStore(root), synthetic_jobs(count, seed)))
        if number % every == 0
    ]


def ingest_rows(store: LocalStore, before: int, after: int) -> Iterator[Row]:
    """Yield what it costs to seal and index what is new."""
    count = after - before
    raw = sum(store.size(name) for name in store.journals())
    packed = sum(map(store.size, store.packs()))
    began = time.perf_counter()
    index, done = ingest(store, lambda: None, lambda done, whole: None)
    taken = time.perf_counter() - began
    if (done.records, index.count()) != (3 * count, after):
        raise RuntimeError(f"{done.records} records and {index.count()} jobs instead of {3 * count} and {after}")
    index.close()
    rate = f"{count} jobs in {done.journals} journals: {count / taken:.0f} jobs/s on {os.cpu_count()} processors"
    yield Row(f"ingest to {after:.0e} jobs, SQLite: time a job", taken / count * 1e6, "µs", rate, budget=125)
    sealed = (sum(map(store.size, store.packs())) - packed) / count
    yield Row(f"at {after:.0e} jobs: bytes a job, sealed", sealed, "B", f"{raw / count:.0f} B unsealed", budget=600)
    size = os.path.getsize(index.path) / after
    yield Row(f"at {after:.0e} jobs: bytes a job of the index, SQLite", size, "B", "derived")


def lookup_rows(store: LocalStore, samples: Sequence[Sample], what: str, jobs: int) -> Iterator[Row]:
    """Yield how long a lookup takes, of jobs from all over the store, documents and all."""
    index = Index(store)
    chance = random.Random(1)
    for name, selector in SELECTORS.items():
        taken = []
        for job in chance.choices(samples, k=setting("LOOKUPS", 400)):
            began = time.perf_counter()
            found = resolve(index, selector(job))
            taken.append((time.perf_counter() - began) * 1000)
            if found.manifest.attempt != job.attempt:
                raise RuntimeError(f"{selector(job)} found {found.manifest.attempt} instead of {job.attempt}")
        p95 = statistics.quantiles(taken, n=20)[-1]
        middle = f"p50 {statistics.median(taken):.2f} ms"
        yield Row(f"at {jobs:.0e} jobs, {what}: lookup by {name}, p95", p95, "ms", middle, budget=5)
    index.close()


def anew_rows(store: LocalStore, jobs: int, what: str, path: str | None) -> Iterator[Row]:
    """Yield what it costs to make an index anew from the packs."""
    if path is not None:
        os.unlink(path)
    began = time.perf_counter()
    index = Index(store)
    taken = time.perf_counter() - began
    if index.count() != jobs:
        raise RuntimeError(f"{index.count()} jobs instead of {jobs}")
    yield Row(
        f"index made anew, {what}: time a job", taken / jobs * 1e6, "µs", f"{jobs / taken:.0f} jobs/s, one process"
    )
    if path is None:
        size = index.database.query("SELECT pg_database_size(current_database())")[0][0]
        yield Row(f"at {jobs:.0e} jobs: bytes a job of the index, {what}", size / jobs, "B", "derived")
    index.close()


def more_rows(store: LocalStore, count: int, seed: int) -> Iterator[Row]:
    """Yield what it costs to ingest some more jobs into PostgreSQL."""
    written(store, count, seed)
    began = time.perf_counter()
    index, done = ingest(store, lambda: None, lambda done, whole: None)
    taken = time.perf_counter() - began
    if done.records != 3 * count:
        raise RuntimeError(f"{done.records} records instead of {3 * count}")
    index.close()
    yield Row(
        "ingest of 1 % more jobs, PostgreSQL: time a job",
        taken / count * 1e6,
        "µs",
        f"{count / taken:.0f} jobs/s",
        budget=125,
    )


def command_rows(store: LocalStore, samples: Sequence[Sample]) -> Iterator[Row]:
    """Yield what a whole command costs that looks one job up."""
    taken = []
    for job in samples[:: max(len(samples) // 15, 1)][:15]:
        argv = [os.path.join(os.path.dirname(sys.executable), "envcap"), "show", f"quantum:{job.quantum}", "--json"]
        began = time.perf_counter()
        subprocess.run([*argv, "--store", store.root], check=True, stdout=subprocess.DEVNULL)
        taken.append((time.perf_counter() - began) * 1000)
    yield Row("envcap show, whole process", statistics.median(taken), "ms", f"at {len(samples)} sampled jobs")


def bare_rows(folder: str, count: int) -> Iterator[Row]:
    """Yield the peer: one row a job in a SQLite table of three texts and one index, and nothing else."""
    jobs = [(job.attempt, job.quantum, job.digest) for job in synthetic_jobs(min(count, 20_000))]
    connection = sqlite3.connect(os.path.join(folder, "bare.sqlite"))
    connection.execute("CREATE TABLE jobs (attempt TEXT PRIMARY KEY, quantum TEXT, digest TEXT)")
    connection.execute("CREATE INDEX by_quantum ON jobs (quantum)")
    began = time.perf_counter()
    with connection:
        connection.executemany("INSERT INTO jobs VALUES (?, ?, ?)", jobs)
    taken = time.perf_counter() - began
    yield Row(
        "peer, a bare SQLite insert: time a job", taken / len(jobs) * 1e6, "µs", f"{len(jobs) / taken:.0f} jobs/s"
    )


if __name__ == "__main__":
    main()
