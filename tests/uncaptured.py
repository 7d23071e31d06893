# SPDX-License-Identifier: Apache-2.0
"""A world in which the pipeline ran without envcap: nothing is known of it but what Rubin itself records."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from envcap.store.local import LocalStore
from tests.observatory import CHANGED_DEFAULTS, Observatory

__all__ = ("RUN", "Uncaptured")

RUN = "u/me/plain"


@dataclass(frozen=True)
class Uncaptured(Observatory):
    """A world with an empty store, a predicted quantum graph, and two repositories.

    `world.repo` is as pipetask left it. In `provenance`, `butler ingest-graph` made the dataset ``run_provenance``, and
    deleted the files of configurations, metadata and logs.
    """

    @property
    def provenance(self) -> Path:
        """A copy of the repository, with ``run_provenance``."""
        return self.world.root / "repo-provenance"

    @property
    def graph(self) -> Path:
        """The predicted quantum graph of the run."""
        return self.world.root / "plain.qg"

    @property
    def other_graph(self) -> Path:
        """That of another run, which never took place."""
        return self.world.root / "other.qg"

    def make(self, *where: str) -> None:
        """Let the pipeline run, and change its defaults afterwards."""
        world = self.world
        LocalStore(str(world.store)).create()
        world.run([*world.pipetask(RUN, *where), "--save-qgraph", str(self.graph)])
        plan = ["pipetask", "qgraph", "-b", str(world.repo), "-i", "StarCam/defaults", "-p", str(world.pipeline)]
        world.run([*plan, "-o", "u/me/other", "-d", "detector = 0 AND exposure = 2026031400001", "-q",
                   str(self.other_graph)])  # fmt: skip
        shutil.copytree(world.repo, self.provenance)
        found = str(world.root / "provenance.qg")
        world.run(["butler", "aggregate-graph", str(self.graph), str(self.provenance), "-o", found])
        world.run(["butler", "ingest-graph", str(self.provenance), found])
        for path, old, new in CHANGED_DEFAULTS:
            world.edit(world.stack / path, old, new)

    def run(
        self, *command: str, job: bool = False, stack: Path | None = None, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command as a user who has set up the pipeline's code: it can't be put back, so it must be there."""
        found = self.world.variables(job=job) | {"PYTHONPATH": str(stack or self.world.stack), **variables}
        done = self.world.run(command, variables=found, check=False)
        assert "Traceback" not in done.stdout + done.stderr, done.stderr
        return done

    def find(self, dataset_type: str, repo: Path | None = None) -> tuple[str, Path]:
        """Return UUID and file of the first dataset of a type."""
        return self.find_all(dataset_type, repo)[0]

    def find_all(self, dataset_type: str, repo: Path | None = None) -> list[tuple[str, Path]]:
        """Return UUIDs and files of all datasets of a type."""
        from lsst.daf.butler import Butler

        with Butler.from_config(str(repo or self.world.repo), writeable=False) as butler:
            refs = sorted(butler.query_datasets(dataset_type, collections=RUN))
            return [(str(ref.id), Path(butler.getURI(ref).ospath)) for ref in refs]

    def copied(self, to: Path) -> Path:
        """Return a copy of the repository that a test may change as it likes."""
        shutil.copytree(self.world.repo, to / "repo")
        return to / "repo"

    def copied_stack(self, to: Path) -> Path:
        """Return a copy of the pipeline's code, likewise."""
        shutil.copytree(self.world.stack, to / "stack")
        return to / "stack"

    def planned(self, graph: Path, dataset_type: str) -> list[str]:
        """Return the UUIDs of the datasets of a type that a quantum graph is to make."""
        from lsst.pipe.base.pipeline_graph import TaskImportMode
        from lsst.pipe.base.quantum_graph import PredictedQuantumGraph

        with PredictedQuantumGraph.open(str(graph), import_mode=TaskImportMode.DO_NOT_IMPORT) as reader:
            reader.read_quantum_datasets()
            quanta = reader.components.quantum_datasets.values()
        found = [dataset for quantum in quanta for made in quantum.outputs.values() for dataset in made]
        return [str(dataset.dataset_id) for dataset in found if dataset.dataset_type_name == dataset_type]
