# SPDX-License-Identifier: Apache-2.0
"""Runs one quantum in the rebuilt environment. `replay.execute.forkserver` loads it there, and forks for each quantum.

Only public classes of the middleware are used: the quantum is made directly, from the pinned UUIDs, without a query and
without a quantum graph. Works on lsst-pipe-base 30.2026.500 (Python 3.11) and 30.2026.4300.

The request and the response are JSON files; `replay.execute.quantum` writes the one and reads the other.
"""

from __future__ import annotations

import json
import os
import signal
import time
import traceback
import uuid
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from .frozen import Refused, import_class
from .opened import data_id, opened_source, prepare, task_graph
from .repositories import isolated_repository, new_run

__all__ = ("answer", "prepare")


class _Payload:
    """Whether the payload has been started: what goes wrong before is no fault of its own."""

    started = False


def answer(request_path: str, response_path: str) -> None:
    """Answer one request."""
    answering = os.getpid()
    signal.signal(signal.SIGINT, _interrupt)
    with open(request_path, encoding="utf-8") as stream:
        request = json.load(stream)
    try:
        response = {"status": "ok", **_replay(request)}
    except Refused as err:
        response = {"status": "refused", "reason": str(err), **err.details}
    except Exception as err:  # noqa: BLE001  (the payload may raise anything, and that is the answer)
        traceback.print_exc()
        response = {"status": "failed" if _Payload.started else "unprepared", "reason": f"{type(err).__name__}: {err}"}
    if os.getpid() != answering:
        os._exit(1)  # the payload forked, and this is not the process that was asked
    with open(response_path, "w", encoding="utf-8") as stream:
        json.dump(response, stream)


def _interrupt(number: int, frame: object) -> None:
    """Be interrupted once: a terminal's Ctrl-C comes from the replay too, and must not stop the taking back."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise KeyboardInterrupt


def _replay(request: Mapping[str, Any]) -> dict[str, Any]:
    started = time.perf_counter()
    import_class(request["task_class"], "task class")
    imported = time.perf_counter()

    from lsst.utils.threads import disable_implicit_threading

    if not request["implicit_threading"]:
        disable_implicit_threading()  # as pipetask does by default: thread counts decide bits
    source = opened_source(request)
    graph = task_graph(source, request)
    outputs = list(_output_refs(source, graph, request))
    if request["new_run"]:
        destination, inputs = new_run(source, request)
    else:
        destination, inputs = isolated_repository(source, request, [ref.dataId for ref in outputs])
    prepared = time.perf_counter()
    try:
        graph.register_dataset_types(destination)
        _Payload.started = True
        if request["init"]:
            _write_init_outputs(destination, graph, inputs, {ref.datasetType.name: ref for ref in outputs})
        else:
            if request["new_run"]:
                _start_run(destination, graph, inputs, request["run"])
            _execute(destination, graph, request, inputs, outputs)
    except BaseException:
        if request["new_run"] and not request["continue_run"]:
            destination.removeRuns([request["run"]])  # it is ours, and the user's repository keeps nothing half made
        raise
    done = time.perf_counter()
    return {
        "outputs": [
            {**_found(destination, ref), "original": _original(source, dataset["id"])}
            for ref, dataset in zip(outputs, request["outputs"], strict=True)
        ],
        "seconds": {"import": imported - started, "prepare": prepared - imported, "run": done - prepared},
    }


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
        named = data_id(source, dataset["data_id"])
        if named not in expanded:
            expanded[named] = source.registry.expandDataId(named)
        own_id = {} if request["new_run"] else {"id": uuid.UUID(dataset["id"])}
        yield DatasetRef(types[dataset["dataset_type"]], expanded[named], run=request["run"], **own_id)


def _adapted(graph: Any, edge: Any, refs: Iterable[Any]) -> tuple[Any, list[Any]]:
    """Return the dataset type and the refs as a task's connection sees them (storage class, component)."""
    dataset_type = edge.adapt_dataset_type(graph.dataset_types[edge.parent_dataset_type_name].dataset_type)
    return dataset_type, [edge.adapt_dataset_ref(ref) for ref in refs]


def _execute(
    butler: Any, graph: Any, request: Mapping[str, Any], inputs: dict[str, list[Any]], outputs: list[Any]
) -> None:
    from lsst.daf.butler import Quantum
    from lsst.pipe.base import TaskFactory
    from lsst.pipe.base.single_quantum_executor import SingleQuantumExecutor

    node = graph.tasks[request["label"]]
    by_type: dict[Any, list[Any]] = {}
    for ref in outputs:
        by_type.setdefault(ref.datasetType, []).append(ref)
    given = [_adapted(graph, edge, inputs.get(edge.parent_dataset_type_name, ())) for edge in node.iter_all_inputs()]
    init = [_adapted(graph, edge, inputs[edge.parent_dataset_type_name]) for edge in node.init.iter_all_inputs()]
    quantum = Quantum(
        taskName=node.task_class_name,
        taskClass=node.task_class,
        dataId=butler.registry.expandDataId(data_id(butler, request["data_id"])),
        initInputs={dataset_type: refs[0] for dataset_type, refs in init},
        inputs=dict(given),
        outputs=by_type,
    )
    quantum_id = uuid.uuid4() if request["new_run"] else uuid.UUID(request["quantum"])
    executor = SingleQuantumExecutor(butler=butler, task_factory=TaskFactory())
    executor.execute(node, quantum, quantum_id=quantum_id)


def _init_objects(butler: Any, graph: Any, inputs: dict[str, list[Any]]) -> Iterator[tuple[Any, Any]]:
    """Yield each init-output that constructing the task makes, with its dataset type."""
    made: list[tuple[Any, Any]] = []

    def get(dataset_type: Any) -> Any:
        return butler.get(inputs[dataset_type.nameAndComponent()[0]][0])

    graph.instantiate_tasks(get_init_input=get, init_outputs=made)
    return iter(made)


def _write_init_outputs(butler: Any, graph: Any, inputs: dict[str, list[Any]], refs: Mapping[str, Any]) -> None:
    for made, dataset_type in _init_objects(butler, graph, inputs):
        if dataset_type.name in refs:
            butler.put(made, refs[dataset_type.name])


def _start_run(butler: Any, graph: Any, inputs: dict[str, list[Any]], run: str) -> None:
    """Write what pipetask writes into a RUN before its first quantum, unless an earlier quantum of the RUN did."""
    from lsst.utils.packages import Packages

    objects = [(dataset_type.name, made) for made, dataset_type in _init_objects(butler, graph, inputs)]
    objects += [(node.init.config_output.dataset_type_name, node.config) for node in graph.tasks.values()]
    objects.append(("packages", Packages.fromSystem()))
    for name, made in objects:
        if butler.find_dataset(name, collections=[run]) is None:
            butler.put(made, name, run=run)


def _found(butler: Any, ref: Any) -> dict[str, Any]:
    """Return where an output is now, if it was made."""
    made = butler.stored(ref)
    uri = butler.getURI(ref) if made else None
    return {
        "dataset_type": ref.datasetType.name,
        "dataset": str(ref.id),
        "path": uri.ospath if uri is not None and uri.isLocal else None,
        "uri": str(uri) if uri is not None else None,
        "made": bool(made and uri is not None and uri.exists()),
    }


def _original(butler: Any, dataset: str) -> str | None:
    """Return where the original of an output is now, in the repository that was named."""
    ref = butler.get_dataset(uuid.UUID(dataset))
    if ref is None or not butler.stored(ref):
        return None
    uri = butler.getURI(ref)
    return uri.ospath if uri.isLocal and uri.exists() else None
