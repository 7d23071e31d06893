# SPDX-License-Identifier: Apache-2.0
"""What a campaign costs beside a bare `pipetask run` of the same quanta in one environment (DESIGN.md, section 6).

Both are commands as a user types them, with all that they do: a `pipetask run` builds its graph, a campaign makes sure
that the environment is whole, starts its workers, and judges each re-run. They are measured in turns. Sizes, by
environment variables: ``EXPOSURES`` (each is four quanta), ``PAIRS``, ``WORKERS``.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from examples.world import World

from .paired import Figures, Row, measure_pairs, report, setting

__all__ = ("main",)

BUDGET = 1 / 0.7
"""Of the time: the throughput is to be 0.7 of the bare one."""


def main() -> None:
    """Measure, print and keep the figures."""
    with tempfile.TemporaryDirectory() as folder:
        say("building the environment, and running the pipeline under capture")
        measured = Measured(World(Path(folder, "world")))
        rows: list[Row] = []
        for workers in dict.fromkeys((setting("WORKERS", 1), len(os.sched_getaffinity(0)))):
            rows += measured.rows(workers)
        report("campaign", rows)


def say(line: str) -> None:
    """Tell the person who waits what is going on."""
    sys.stderr.write(f"{line}\n")


class Measured:
    """A world in which the pipeline ran under capture, and is run again in both ways.

    Parameters
    ----------
    world : `World`
        One that is not made yet.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._exposures = setting("EXPOSURES", 50)
        self._count = 0
        world.root.mkdir()
        world.make_environment()
        world.make_stack()
        world.make_repo("--exposures", str(self._exposures))
        world.run(["envcap", "run", "--", *world.pipetask("u/bench/first")])
        self._quanta = self._campaign(1)[1]  # rebuilds the environment, once

    def rows(self, workers: int) -> list[Row]:
        """Return the figures of campaigns with some workers."""
        say(f"measuring {self._quanta} quanta, {workers} workers")
        pairs = measure_pairs(self._bare, lambda: self._campaign(workers)[0], setting("PAIRS", 3), warm_up=0)
        wall = Figures.of(pairs, lambda seconds: seconds / self._quanta * 1000)
        name = f"campaign of {self._quanta} quanta, {workers} worker{'s' * (workers > 1)}"
        budget = BUDGET if workers == setting("WORKERS", 1) else None
        ratio = wall.ratio_row(f"{name}: time a quantum", "ms", "bare pipetask run -j 1", budget)
        throughput = [first / second for first, second in pairs]
        throughput.sort()
        middle = throughput[len(throughput) // 2]
        return [ratio, Row(f"{name}: throughput, of the bare one", middle, "", "0.7 is to be reached")]

    def _bare(self) -> float:
        self._count += 1
        command = self._world.pipetask(f"u/bench/bare{self._count}", "-j", "1")
        return _timed(lambda: self._world.run(command, variables={**self._world.variables(), "PYTHONHASHSEED": "0"}))

    def _campaign(self, workers: int) -> tuple[float, int]:
        """Return how long a campaign takes, and of how many quanta it is."""
        self._count += 1
        name = f"bench{self._count}"
        folder = self._world.root / "campaigns"
        variables = {**self._world.variables(job=False), "ENVCAP_CAMPAIGNS": str(folder)}
        create = [
            "replay",
            "campaign",
            "create",
            name,
            "--repo",
            str(self._world.repo),
            "--collection",
            "u/bench/first",
        ]
        self._world.run(create, variables=variables)
        run = ["replay", "campaign", "run", name, "--workers", str(workers), "--json"]
        printed: list[subprocess.CompletedProcess[str]] = []
        seconds = _timed(lambda: printed.append(self._world.run(run, variables=variables)))
        counts = json.loads(printed[0].stdout)
        good = counts["verdicts"]["identical"] + counts["verdicts"]["equal"]
        if good != counts["planned"] or counts["planned"] != 4 * self._exposures + 2:
            raise RuntimeError(f"what was measured was no campaign of good quanta: {counts}")
        shutil.rmtree(folder / name)
        return seconds, counts["planned"]


def _timed(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
