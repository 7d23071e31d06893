# SPDX-License-Identifier: Apache-2.0
"""A predicted quantum graph: what was planned to run, in a file that the user names (``--qgraph``).

``pipetask qgraph -q FILE`` and ``pipetask run --save-qgraph FILE`` write one, and BPS keeps one in its submit directory
(lsst-pipe-base 30.2026.500 and 30.2026.4300: a zip archive, read without importing any task). It holds the classes of
the tasks, their configurations, and all predicted datasets by UUID. It doesn't say which of them were made: the RUN's
``_metadata`` datasets do (``quantum.outputs``), and the registry. The older format ``.qgraph`` holds pickles, and isn't
read.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from envcap.errors import UsageError
from envcap.pexconfig import parse_config

from ...errors import ReplayRefusedError
from ...fidelity import Fidelity
from .base import Absent, Asked, Reconstruction, Source, no_output_of_a_task, not_made, reading
from .facts import config_text, groups, made, packages, put_by, text_values

__all__ = ("QuantumGraph",)

_METADATA = "_metadata"
_CONFIG = "_config"
_LOG = "_log"


class QuantumGraph(Source):
    """Reads the graph that the user named."""

    name = "qgraph"

    def find(self, asked: Asked) -> Reconstruction:
        """Return the quantum that was to make the dataset."""
        from lsst.pipe.base.pipeline_graph import TaskImportMode
        from lsst.pipe.base.quantum_graph import PredictedQuantumGraph
        from lsst.resources import ResourcePath

        if asked.qgraph is None:
            raise Absent("none was named")
        if not ResourcePath(asked.qgraph, forceDirectory=False).exists():
            raise UsageError(f"{asked.qgraph}: no such file")
        with (
            reading(f"the predicted quantum graph {asked.qgraph}"),
            PredictedQuantumGraph.open(asked.qgraph, import_mode=TaskImportMode.DO_NOT_IMPORT) as reader,
        ):
            reader.read_init_quanta()
            reader.read_quantum_datasets()
            return self._reconstruct(asked, _Graph(reader.components))

    def _reconstruct(self, asked: Asked, graph: _Graph) -> Reconstruction:
        quantum, init = graph.producer(asked.uuid)
        task = graph.tasks[quantum.task_label]
        outputs = [ref for name, ref in graph.refs(quantum.outputs) if name != _CONFIG]
        inputs = [] if init else [ref for _, ref in graph.refs(quantum.inputs)]
        init_inputs = [ref for _, ref in graph.refs(graph.init_quanta[task.label].inputs)]
        run = graph.header.output_run
        _check(asked, outputs, run)
        _check_config(asked, task, run)
        return Reconstruction(
            source=self.name,
            fidelity=Fidelity.REBUILT,
            detail=f"the predicted quantum graph {asked.qgraph}",
            task_class=task.task_class_name,
            label=task.label,
            init=init,
            quantum=str(quantum.quantum_id),
            run=run,
            data_id={} if init else text_values(graph.data_id(task.dimensions, quantum.data_coordinate)),
            inputs=groups(inputs),
            init_inputs=groups(init_inputs),
            outputs=groups(outputs),
            config=task.get_config_str(),
            made=made(asked, outputs, {asked.uuid} | (_put(asked, quantum) or set())),
            unavailable=frozenset(str(ref.id) for ref in inputs if _was_never_made(asked, graph, ref)),
            argv=graph.header.command.split(),
            packages=packages(asked.butler, run),
        )


class _Graph:
    """A predicted graph, read whole."""

    def __init__(self, components: Any) -> None:
        self._components = components
        self.header = components.header
        self.tasks = components.pipeline_graph.tasks
        self.init_quanta = {init.task_label: init for init in components.init_quanta.root}
        self._producers = {
            dataset: quantum
            for quantum in (*components.quantum_datasets.values(), *self.init_quanta.values())
            for dataset in quantum.iter_output_dataset_ids()
        }

    def producer(self, dataset: UUID) -> tuple[Any, bool]:
        """Return the quantum that was to make a dataset, and whether it is a task's init quantum."""
        found = self._producers.get(dataset)
        if found is None or not found.task_label:  # the packages are nobody's
            raise Absent(f"no quantum of the graph makes dataset {dataset}; it is of RUN {self.header.output_run}")
        return found, found.quantum_id == self.init_quanta[found.task_label].quantum_id

    def maker(self, dataset: UUID) -> Any:
        """Return the quantum that was to make a dataset; `None` if it was there before."""
        return self._producers.get(dataset)

    def refs(self, by_connection: Any) -> Iterator[tuple[str, Any]]:
        """Yield the datasets of a quantum with their connections."""
        for name, datasets in by_connection.items():
            for dataset in datasets:
                yield name, self._components.make_dataset_ref(dataset)

    @staticmethod
    def data_id(dimensions: Any, values: Any) -> Any:
        """Return a data ID from all its values."""
        from lsst.daf.butler import DataCoordinate

        return DataCoordinate.from_full_values(dimensions, tuple(values))


def _check(asked: Asked, outputs: list[Any], run: str) -> None:
    """Refuse a graph that plans something else under the dataset's UUID than the repository has."""
    planned = next((ref for ref in outputs if ref.id == asked.uuid), None)
    if planned is None:
        raise no_output_of_a_task(asked)
    if asked.ref is None:
        return
    there, here = ((ref.datasetType.name, ref.run) for ref in (planned, asked.ref))
    if there != here:
        found = "{} of RUN {}".format
        raise ReplayRefusedError(f"dataset {asked.uuid} is {found(*here)}, but in {asked.qgraph} it is {found(*there)}")


def _check_config(asked: Asked, task: Any, run: str) -> None:
    """Refuse a graph whose configuration is not the one that the RUN keeps: then one of them is not what ran."""
    kept = config_text(asked.butler, task.label, run)
    if kept is None:
        return
    there, here = (parse_config(text).fields for text in (task.get_config_str(), kept))
    changed = sorted(name for name in there.keys() | here.keys() if there.get(name) != here.get(name))
    if changed:
        raise ReplayRefusedError(
            f"{asked.qgraph} configures {task.label} otherwise than {task.label}_config of RUN {run}: "
            f"{', '.join(changed[:8])}"
        )


def _put(asked: Asked, quantum: Any) -> frozenset[UUID] | None:
    """Return what a quantum put; `None` if nobody knows."""
    own = [dataset.dataset_id for name in (_METADATA, _LOG) for dataset in quantum.outputs.get(name, ())]
    if _METADATA not in quantum.outputs:
        return None  # an init quantum
    try:
        put = put_by(asked.butler, own[0])
    except Absent:
        return None
    if put is not None and asked.uuid in set(quantum.iter_output_dataset_ids()) - {*put, *own}:
        raise not_made(asked)
    return put


def _was_never_made(asked: Asked, graph: _Graph, ref: Any) -> bool:
    """Whether an input is one that its own quantum was to make and did not: then the task was not given it either."""
    if asked.butler.get_dataset(ref.id) is not None:
        return False
    maker = graph.maker(ref.id)
    put = _put(asked, maker) if maker is not None else None
    return put is not None and ref.id not in put
