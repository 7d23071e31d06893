# SPDX-License-Identifier: Apache-2.0
"""What the hook costs a workflow of BPS on Parsl's local workers. `bench.hook` calls it.

Each quantum is a process of its own here, so each pays for a whole `envcap run`. ``BPS_PAIRS`` says how many pairs; one
run takes about a minute, and none is made if it is 0.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator

from envcap.store.index import Index
from envcap.store.local import LocalStore

from .job_environment import JobEnvironment, Usage
from .paired import Figures, Row, measure_pairs, setting

__all__ = ("Workflow", "bps_rows")

_BIN = os.path.dirname(sys.executable)
_QUANTA = 5
_SUBMIT = """\
pipelineYaml: {definition}
wmsServiceClass: lsst.ctrl.bps.parsl.ParslService
computeSite: here
operator: bench
payload:
  payloadName: {name}
  butlerConfig: {repository}
  inCollection: StarCam/defaults
  dataQuery: "detector = 0 AND exposure IN (2026031400001, 2026031400002)"
submitPath: {folder}/submit/{{outputRun}}
requestCpus: 1
finalJob: {{requestCpus: 1}}
site:
  here: {{class: lsst.ctrl.bps.parsl.sites.Local, cores: 2}}
"""


class Workflow:
    """The demo pipeline as two submit files, with the hook and without; BPS itself is that of this interpreter."""

    def __init__(self, jobs: JobEnvironment, repository: str, definition: str, environ: dict[str, str]) -> None:
        self._jobs = jobs
        path = os.pathsep.join((environ["PATH"], _BIN))
        # Where BPS of 30.2026.300 looks for pipetask and butler.
        self._environ = {**environ, "PATH": path, "CTRL_MPEXEC_DIR": jobs.prefix, "DAF_BUTLER_DIR": jobs.prefix}
        places = {"definition": definition, "repository": repository, "folder": jobs.folder}
        for name in ("plain", "hooked"):
            with open(self._file(name), "w", encoding="utf-8") as stream:
                stream.write(_SUBMIT.format(name=name, **places))
        self._jobs.run(["envcap", "hook", "bps", "--apply", self._file("hooked")], environ=self._environ)

    def _file(self, name: str) -> str:
        return os.path.join(self._jobs.folder, f"{name}.yaml")

    def plain(self) -> Usage:
        """Submit it without the hook."""
        return self._submit("plain", 0)

    def hooked(self) -> Usage:
        """Submit it with the hook."""
        return self._submit("hooked", _QUANTA)

    def _submit(self, name: str, captured: int) -> Usage:
        before = self._quanta()
        usage = self._jobs.run([os.path.join(_BIN, "bps"), "submit", self._file(name)], environ=self._environ)
        shutil.rmtree(os.path.join(self._jobs.folder, "runinfo"))
        if self._quanta() - before != captured:
            raise RuntimeError(f"{name}: {self._quanta() - before} quanta were captured instead of {captured}")
        return usage

    def _quanta(self) -> int:
        store = LocalStore(self._jobs.store)
        store.create()
        return sum(one.state == "ok" for one in Index(store).attempts("kind = 'quantum'"))


def bps_rows(workflow: Workflow) -> Iterator[Row]:
    """Yield what the hook costs a whole `bps submit`."""
    count = setting("BPS_PAIRS", 5)
    if count:
        wall = Figures.of(measure_pairs(workflow.plain, workflow.hooked, count), lambda usage: usage.wall)
        yield wall.ratio_row("bps submit: wall time", "s", "without the hook", 1.02)
        yield wall.difference_row("bps submit: wall time added", "s", f"{_QUANTA} quanta and the init job, 2 workers")
