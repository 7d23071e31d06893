# SPDX-License-Identifier: Apache-2.0
"""What of a quantum's replay is done before its payload starts, and after it has ended."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from .frozen import import_class
from .opened import is_told, note_written, quantum_butler, source_butler, task_graph
from .repositories import inputs_in_place, isolated_repository, make_isolated, new_run, uris_of

__all__ = ("Prepared", "found_outputs", "in_isolated_repository", "in_new_run", "take_in")


@dataclass(frozen=True)
class Prepared:
    """A quantum that can be executed.

    Attributes
    ----------
    graph : `lsst.pipe.base.PipelineGraph`
        Of its task alone.
    quantum : `lsst.daf.butler.Quantum`
    outputs : sequence of `lsst.daf.butler.DatasetRef`
        In the order of the request.
    originals : sequence of `str` or `None`
        Where the original of each output is now, in the repository that was named.
    butler : `lsst.daf.butler.LimitedButler`
        What it reads from and writes to.
    repository : `lsst.daf.butler.Butler` or `None`
        What is to take its outputs in.
    """

    graph: Any
    quantum: Any
    outputs: Sequence[Any]
    originals: Sequence[str | None]
    butler: Any
    repository: Any


def in_isolated_repository(request: Mapping[str, Any]) -> Prepared:
    """Prepare a quantum that writes into an isolated repository.

    It gets a butler without a registry: that works in a child of the process that made it. If the isolated repository
    is to be kept, the inputs are copied into it, and whoever made the butler takes the outputs in (`take_in`).
    """
    source, graph, outputs = _predicted(request)
    repository = None
    if request["kept"]:
        repository, inputs = isolated_repository(source, request, [ref.dataId for ref in outputs])
        if not is_told(request, ("graph", id(graph))):
            graph.register_dataset_types(repository)
        (data,) = repository._datastore.export_records([ref for refs in inputs.values() for ref in refs]).values()
        records = data.records
        note_written(request)
    else:
        make_isolated(source, request["isolated"])
        inputs, records = inputs_in_place(source, request)
    quantum = _quantum(source, graph, request, inputs, outputs)
    types = {node.name: node.dataset_type for node in graph.dataset_types.values()}
    types |= {ref.datasetType.name: ref.datasetType for refs in inputs.values() for ref in refs}
    butler = quantum_butler(request, quantum, records, types)
    _import_formatters(butler, quantum)
    return Prepared(graph, quantum, outputs, _originals(source, request), butler, repository)


def in_new_run(request: Mapping[str, Any]) -> Prepared:
    """Prepare a quantum that writes into a new RUN of the user's repository."""
    source, graph, outputs = _predicted(request)
    butler, inputs = new_run(source, request)
    graph.register_dataset_types(butler)
    quantum = _quantum(source, graph, request, inputs, outputs)
    return Prepared(graph, quantum, outputs, _originals(source, request), butler, None)


def take_in(prepared: Prepared, request: Mapping[str, Any], provenance: Mapping[str, Any]) -> None:
    """Take what a quantum made into the isolated repository."""
    from lsst.daf.butler import QuantumProvenanceData

    found = QuantumProvenanceData.direct(**provenance)
    QuantumProvenanceData.collect_and_transfer(prepared.repository, [prepared.quantum], [found])
    note_written(request)


def found_outputs(prepared: Prepared, put: Iterable[Any]) -> list[dict[str, Any]]:
    """Return where each output is now, and whether it was made: it is among those that were put, and is there."""
    outputs, uris = prepared.outputs, uris_of(prepared.butler, put)
    return [
        {
            "dataset_type": ref.datasetType.name,
            "dataset": str(ref.id),
            "path": uris[ref].ospath if ref in uris and uris[ref].isLocal else None,
            "uri": str(uris[ref]) if ref in uris else None,
            "made": ref in uris and uris[ref].exists(),
            "original": original,
        }
        for ref, original in zip(outputs, prepared.originals, strict=True)
    ]


def _predicted(request: Mapping[str, Any]) -> tuple[Any, Any, list[Any]]:
    """Return the user's repository, the graph of the task, and the outputs that are to be made."""
    import_class(request["task_class"], "task class")
    source = source_butler(request)
    graph = task_graph(source, request)
    return source, graph, list(_output_refs(source, graph, request))


def _output_refs(source: Any, graph: Any, request: Mapping[str, Any]) -> Iterator[Any]:
    """Yield the outputs: with their original UUIDs in an isolated repository, with fresh ones in a new RUN."""
    from lsst.daf.butler import DatasetRef

    node = graph.tasks[request["label"]]
    edges = (*node.iter_all_outputs(), *node.init.iter_all_outputs())
    types = {
        edge.parent_dataset_type_name: edge.adapt_dataset_type(
            graph.dataset_types[edge.parent_dataset_type_name].dataset_type
        )
        for edge in edges
    }
    expanded: dict[Any, Any] = {}
    for dataset in request["outputs"]:
        named = _data_id(source, dataset["data_id"])
        if named not in expanded:
            expanded[named] = source.registry.expandDataId(named)
        own_id = {} if request["new_run"] else {"id": uuid.UUID(dataset["id"])}
        yield DatasetRef(types[dataset["dataset_type"]], expanded[named], run=request["run"], **own_id)


def _quantum(
    source: Any,
    graph: Any,
    request: Mapping[str, Any],
    inputs: Mapping[str, list[Any]],
    outputs: Iterable[Any],
) -> Any:
    from lsst.daf.butler import Quantum

    node = graph.tasks[request["label"]]
    by_type: dict[Any, list[Any]] = {}
    for ref in outputs:
        by_type.setdefault(ref.datasetType, []).append(ref)
    edges = () if request["init"] else node.iter_all_inputs()
    given = [_adapted(graph, edge, inputs.get(edge.parent_dataset_type_name, ())) for edge in edges]
    init = [_adapted(graph, edge, inputs[edge.parent_dataset_type_name]) for edge in node.init.iter_all_inputs()]
    return Quantum(
        taskName=node.task_class_name,
        taskClass=node.task_class,
        dataId=source.registry.expandDataId(_data_id(source, request["data_id"])),
        initInputs={dataset_type: refs[0] for dataset_type, refs in init},
        inputs=dict(given),
        outputs=by_type,
    )


def _adapted(graph: Any, edge: Any, refs: Iterable[Any]) -> tuple[Any, list[Any]]:
    """Return the dataset type and the refs as a task's connection sees them (storage class, component)."""
    dataset_type = edge.adapt_dataset_type(graph.dataset_types[edge.parent_dataset_type_name].dataset_type)
    return dataset_type, [edge.adapt_dataset_ref(ref) for ref in refs]


def _import_formatters(butler: Any, quantum: Any) -> None:
    """Import what reads and writes a quantum's datasets: each child would do that anew."""
    refs = [*quantum.initInputs.values()]
    refs += [same[0] for group in (quantum.inputs, quantum.outputs) for same in group.values() if same]
    for ref in refs:
        with suppress(Exception):  # whoever needs it says what is wrong with it
            storage_class = ref.datasetType.storageClass
            _ = storage_class.pytype, storage_class.delegateClass
            butler._datastore.formatterFactory.getFormatterClass(ref)


def _originals(source: Any, request: Mapping[str, Any]) -> list[str | None]:
    refs = [source.get_dataset(uuid.UUID(dataset["id"])) for dataset in request["outputs"]]
    uris = uris_of(source, filter(None, refs))
    local = {ref: uri.ospath for ref, uri in uris.items() if uri.isLocal and uri.exists()}
    return [local.get(ref) for ref in refs]


def _data_id(butler: Any, values: Mapping[str, str]) -> Any:
    """Return a data ID whose values are texts, as the middleware has it."""
    from lsst.daf.butler import DataCoordinate

    typed = {name: butler.dimensions.dimensions[name].primaryKey.getPythonType()(v) for name, v in values.items()}
    return DataCoordinate.standardize(typed, universe=butler.dimensions)
