# SPDX-License-Identifier: Apache-2.0
"""A world whose pipeline is submitted to BPS, on Parsl's workers of this machine."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.observatory import Observatory

__all__ = ("ONE", "Batch")

ONE = "detector = 0 AND exposure IN (2026031400001)"
"""One quantum of each task."""

_BIN = Path(sys.executable).parent
_SUBMIT = """\
# The night's run.   Ask the operator before you change it!
pipelineYaml: {pipeline}
wmsServiceClass: lsst.ctrl.bps.parsl.ParslService
computeSite: here      # two workers
project: starfield
campaign: spring
payload:
  payloadName: {name}
  butlerConfig: {repo}
  inCollection: StarCam/defaults
  dataQuery: "{where}"
submitPath: {root}/submit/{{payloadName}}
operator: me
requestCpus: 1

site:
  here: {{class: lsst.ctrl.bps.parsl.sites.Local, cores: 2, retries: {retries}}}
finalJob:
  requestCpus: 1  # of the processes that aggregate
"""


@dataclass(frozen=True)
class Batch(Observatory):
    """A world with submit files. Its jobs run in the job environment; BPS itself is the tests' own."""

    def write(self, name: str, *, where: str = ONE, more: str = "", retries: int = 0) -> Path:
        """Write a submit file."""
        world = self.world
        path = world.root / f"{name}.yaml"
        text = _SUBMIT.format(
            name=name, pipeline=world.pipeline, repo=world.repo, root=world.root, where=where, retries=retries
        )
        path.write_text(text + more)
        return path

    def hook(self, path: Path, *words: str) -> None:
        """Have its jobs captured."""
        done = self.run("envcap", "hook", "bps", "--apply", str(path), *words)
        assert done.returncode == 0, done.stderr

    def submit(self, path: Path, **variables: str) -> None:
        """Submit it, and wait for the end of its final job."""
        found = self.world.variables()
        env = str(self.world.env)
        found |= {"PATH": f"{found['PATH']}:{_BIN}", "CTRL_MPEXEC_DIR": env, "DAF_BUTLER_DIR": env, **variables}
        done = subprocess.run(
            [_BIN / "bps", "submit", path], cwd=self.world.root, env=found, capture_output=True, text=True, timeout=600
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def submitted(self, name: str) -> Path:
        """Return what BPS made for a submit file: graphs, scripts, logs."""
        return self.world.root / "submit" / name

    def final_log(self, name: str) -> str:
        """Return what a workflow's final job said."""
        return (self.submitted(name) / "logs" / "finalJob" / "finalJob.stderr").read_text()

    def names(self, name: str) -> set[str]:
        """Return the names of a workflow's jobs, as BPS has them."""
        return {path.stem for path in (self.submitted(name) / "logs").rglob("*.stdout")}

    def quanta(self, name: str) -> dict[str, str]:
        """Return the label of each quantum of a workflow's predicted graph by UUID."""
        from lsst.pipe.base.pipeline_graph import TaskImportMode
        from lsst.pipe.base.quantum_graph import PredictedQuantumGraph

        (graph,) = (path for path in self.submitted(name).glob("*.qg") if "provenance" not in path.name)
        with PredictedQuantumGraph.open(str(graph), import_mode=TaskImportMode.DO_NOT_IMPORT) as reader:
            reader.read_quantum_datasets()
            quanta = reader.components.quantum_datasets.values()
        # The quanta of init-outputs are no quanta of tasks.
        init = {quantum.quantum_id for quantum in reader.components.init_quanta.root}
        return {str(one.quantum_id): one.task_label for one in quanta if one.quantum_id not in init}

    def provenance(self, name: str) -> dict[str, str]:
        """Return how each quantum ended, by UUID, as a workflow's provenance graph has it."""
        from lsst.pipe.base.pipeline_graph import TaskImportMode
        from lsst.pipe.base.quantum_graph import ProvenanceQuantumGraphReader

        (graph,) = self.submitted(name).glob("*_provenance.qg")
        with ProvenanceQuantumGraphReader.open(str(graph), import_mode=TaskImportMode.DO_NOT_IMPORT) as reader:
            reader.read_quanta()
            nodes = reader.graph.quantum_only_xgraph.nodes.items()
        return {str(quantum): info["status"].name for quantum, info in nodes}

    def run_of(self, name: str) -> str:
        """Return the RUN of a workflow."""
        import yaml

        (config,) = self.submitted(name).glob("*_config.yaml")
        expanded = yaml.safe_load(config.read_text())
        return f"u/me/{name}/{expanded['bps_defined']['timestamp']}"

    def stored(self, run: str, dataset_type: str) -> list[str]:
        """Return the UUIDs of a type's datasets in a RUN."""
        from lsst.daf.butler import Butler

        with Butler.from_config(str(self.world.repo), writeable=False) as butler:
            return [str(ref.id) for ref in butler.query_datasets(dataset_type, collections=run, explain=False)]
