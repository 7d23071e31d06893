# SPDX-License-Identifier: Apache-2.0
"""The dataset ``run_provenance``: what ran in a RUN, as `butler aggregate-graph` found it out.

How it comes about (lsst-pipe-base 30.2026.500 and 30.2026.4300): ``butler aggregate-graph PLAN.qg REPO -o PROV.qg``
scans what the quanta of a graph left, and ``butler ingest-graph REPO PROV.qg`` makes it a dataset of the graph's RUN.
The latter deletes the files of all ``_config``, ``_metadata`` and ``_log`` datasets, which are read from it from then
on. BPS's ``finalJob`` aggregates without ``-o``, so by default a RUN has none.

It holds the quanta and datasets by UUID, with the connections as attributes of the edges, whether each dataset was
really made, the attempts (the outputs are the last one's), and the pipeline with each task's class and configuration.
Its own ``packages`` are those of the aggregating process. The dataset ``packages`` isn't in it: no quantum makes that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from ...fidelity import Fidelity
from .base import Absent, Asked, Reconstruction, Source, no_output_of_a_task, not_made, reading
from .facts import find_one, groups, made, packages, text_values

__all__ = ("RunProvenance",)


class RunProvenance(Source):
    """Reads the provenance graph of the dataset's RUN."""

    name = "run_provenance"

    def find(self, asked: Asked) -> Reconstruction:
        """Return the quantum that the graph names as the dataset's producer."""
        if asked.ref is None:
            raise Absent("the repository doesn't know the dataset, so its RUN isn't known")
        ref = find_one(asked.butler, self.name, asked.ref.run)
        if ref is None:
            raise Absent(f"RUN {asked.ref.run} has none")
        uri = asked.butler.getURI(ref)
        with reading(f"{self.name} of RUN {ref.run}"):
            with _open(uri) as reader:
                quantum_id = _producer(asked, reader)
            # Opened anew, since what is read first comes first among the edges, and their order is that of the task.
            with _open(uri) as reader:
                return self._reconstruct(asked, reader, quantum_id)

    def _reconstruct(self, asked: Asked, reader: Any, quantum_id: UUID) -> Reconstruction:
        graph = reader.graph
        init = quantum_id in graph.init_quanta.values()
        if not init:
            reader.read_quanta([quantum_id])  # an init quantum has no address: it was read with all of them
        nodes = graph.bipartite_xgraph.nodes
        label = nodes[quantum_id]["task_label"]
        task = graph.pipeline_graph.tasks[label]
        inputs = [] if init else _inputs(reader, quantum_id)
        outputs = _outputs(reader, quantum_id, without=task.init.config_output.dataset_type_name if init else None)
        produced = {ref.id for ref in outputs if nodes[ref.id]["produced"]}
        if asked.uuid not in {ref.id for ref in outputs}:
            raise no_output_of_a_task(asked)
        if asked.uuid not in produced:
            raise not_made(asked)
        return Reconstruction(
            source=self.name,
            fidelity=Fidelity.REBUILT,
            detail=f"run_provenance of RUN {asked.ref.run}",
            task_class=task.task_class_name,
            label=label,
            init=init,
            quantum=str(quantum_id),
            run=graph.header.output_run,
            data_id={} if init else text_values(nodes[quantum_id]["data_id"]),
            inputs=groups(inputs),
            init_inputs=groups(_inputs(reader, graph.init_quanta[label])),
            outputs=groups(outputs),
            config=task.get_config_str(),
            made=made(asked, (ref for ref in outputs if ref.id in produced), produced),
            unavailable=frozenset(str(ref.id) for ref in inputs if not nodes[ref.id]["produced"]),
            argv=graph.header.command.split(),
            packages=packages(asked.butler, asked.ref.run),
        )


@contextmanager
def _open(uri: Any) -> Iterator[Any]:
    from lsst.pipe.base.pipeline_graph import TaskImportMode
    from lsst.pipe.base.quantum_graph import ProvenanceQuantumGraphReader

    with ProvenanceQuantumGraphReader.open(uri, import_mode=TaskImportMode.DO_NOT_IMPORT) as reader:
        reader.read_init_quanta()
        yield reader


def _producer(asked: Asked, reader: Any) -> UUID:
    try:
        reader.read_datasets([asked.uuid])
    except LookupError:
        raise Absent(f"that of RUN {asked.ref.run} doesn't have the dataset") from None
    producers: list[UUID] = list(reader.graph.bipartite_xgraph.predecessors(asked.uuid))
    if not producers:
        raise Absent(f"that of RUN {asked.ref.run} has the dataset as an input only")
    return producers[0]


def _inputs(reader: Any, quantum_id: UUID) -> list[Any]:
    ids = list(reader.graph.bipartite_xgraph.predecessors(quantum_id))
    reader.read_datasets(ids)
    return list(_refs(reader.graph, ids))


def _outputs(reader: Any, quantum_id: UUID, without: str | None) -> list[Any]:
    ids = list(reader.graph.bipartite_xgraph.successors(quantum_id))
    reader.read_datasets(ids)
    return [ref for ref in _refs(reader.graph, ids) if ref.datasetType.name != without]


def _refs(graph: Any, ids: Iterable[UUID]) -> Iterator[Any]:
    from lsst.daf.butler import DatasetRef

    for dataset_id in ids:
        node = graph.bipartite_xgraph.nodes[dataset_id]
        dataset_type = node["pipeline_node"].dataset_type
        yield DatasetRef(dataset_type, node["data_id"], run=node["run"], id=dataset_id, conform=False)
