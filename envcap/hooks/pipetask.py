# SPDX-License-Identifier: Apache-2.0
"""The per-quantum hook: wraps Rubin's executor so that every quantum is recorded, with no change to task code.

This file alone, on envcap's side, touches the middleware's internals. They are private, so each wrap is defensive: if
the middleware has changed, the payload runs as ever and the job is marked degraded. Written against lsst-pipe-base
30.2026.500 and 30.2026.4300.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager

from .following import FollowedQuantum, Process, process
from .repository import around_datastore, repository
from .telling import say

__all__ = ("hook_executor", "hook_graph")

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any

_TIMING = ("Utc", "CpuTime", "UserTime", "SystemTime", "MaxResidentSetSize", "MinorPageFaults", "MajorPageFaults",
           "BlockInputs", "BlockOutputs", "VoluntaryContextSwitches", "nodeName", "startUtc", "prepUtc")  # fmt: skip
"""Ends of the metadata keys that `lsst.utils.timer` adds by itself: resources, not metrics."""


class _Current(threading.local):
    """The quanta that what is read and written now belongs to."""

    quanta: tuple[FollowedQuantum, ...] = ()


_current = _Current()


@contextmanager
def _guarded(what: str) -> Iterator[None]:
    try:
        yield
    except Exception as err:  # noqa: BLE001  (capture never kills a job: the reason goes to envcap run)
        say(f"degraded {what}: {type(err).__name__}: {err}")


def _wrap(owner: type | ModuleType, name: str, around: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
    original = getattr(owner, name, None)
    if original is None:
        raise AttributeError(f"this middleware has no {owner.__name__}.{name}")
    setattr(owner, name, functools.wraps(original)(around(original)))


def hook_executor(module: ModuleType) -> None:
    """Wrap what a quantum's execution goes through, once the executor's module was imported."""
    from lsst.daf.butler import DeferredDatasetHandle, FormatterV2
    from lsst.daf.butler._rubin.temporary_for_ingest import TemporaryForIngest
    from lsst.pipe.base import QuantumContext

    executor = module.SingleQuantumExecutor
    _wrap(executor, "_updated_quantum_inputs", _around_updated_inputs)
    _wrap(executor, "_execute_with_limited_butler", _around_execution)
    _wrap(QuantumContext, "_get", _around_context_get)
    _wrap(DeferredDatasetHandle, "get", _around_deferred_get)
    _wrap(FormatterV2, "read", _around_read)
    _wrap(FormatterV2, "write", _around_write)
    _wrap(TemporaryForIngest, "ingest", _around_ingest)
    _hook_quantum_backed_butler()


def hook_graph(module: ModuleType) -> None:
    """Wrap the writing of init-outputs, once the quantum graph's module was imported."""
    _wrap(module.PredictedQuantumGraph, "write_init_outputs", _around_init_outputs)
    _hook_quantum_backed_butler()


def _hook_quantum_backed_butler() -> None:
    from lsst.daf.butler import _quantum_backed

    name = "instantiate_standalone_datastore"
    if not hasattr(getattr(_quantum_backed, name, None), "__wrapped__"):
        _wrap(_quantum_backed, name, functools.partial(around_datastore, guarded=_guarded))


def _around_execution(original: Callable[..., Any]) -> Callable[..., Any]:
    def execute(self: Any, task_node: Any, butler: Any, /, quantum: Any, quantum_id: Any = None, **others: Any) -> Any:
        followed = None
        with _guarded("quantum"):
            found = process()
            if found is not None:
                followed = _followed(found, task_node, butler, quantum, quantum_id)
        if followed is None:
            return original(self, task_node, butler, quantum=quantum, quantum_id=quantum_id, **others)
        with _following([followed]):
            return original(self, task_node, butler, quantum=quantum, quantum_id=quantum_id, **others)

    return execute


@contextmanager
def _following(quanta: list[FollowedQuantum]) -> Iterator[None]:
    """Let what is read and written belong to some quanta, and end them however the payload ends."""
    _current.quanta = tuple(quanta)
    error: BaseException | None = None
    try:
        yield
    except BaseException as err:
        error = err
        raise
    finally:
        _current.quanta = ()
        for quantum in quanta:
            with _guarded("quantum"):
                quantum.end(error)


def _around_updated_inputs(original: Callable[..., Any]) -> Callable[..., Any]:
    # The executor calls this once it is certain that the quantum isn't skipped, and before anything else of it runs.
    def update(self: Any, *args: Any, **others: Any) -> Any:
        for quantum in _current.quanta:
            with _guarded("quantum"):
                quantum.begin()
        updated = original(self, *args, **others)
        for quantum in _current.quanta:
            with _guarded("quantum"):
                quantum.available = {str(ref.id) for refs in updated.inputs.values() for ref in refs}
        return updated

    return update


def _around_context_get(original: Callable[..., Any]) -> Callable[..., Any]:
    def get(self: Any, ref: Any) -> Any:
        loaded = original(self, ref)
        if ref is not None and not hasattr(ref, "datasetRef"):  # a deferred one is used only once it is loaded
            for quantum in _current.quanta:
                quantum.used.add(str(ref.id))
        return loaded

    return get


def _around_deferred_get(original: Callable[..., Any]) -> Callable[..., Any]:
    def get(self: Any, *args: Any, **others: Any) -> Any:
        loaded = original(self, *args, **others)
        for quantum in _current.quanta:
            quantum.used.add(str(self.ref.id))
        return loaded

    return get


def _around_read(original: Callable[..., Any]) -> Callable[..., Any]:
    def read(self: Any, *args: Any, **others: Any) -> Any:
        loaded = original(self, *args, **others)
        for quantum in _current.quanta:
            with _guarded("input"):
                quantum.reads[str(self.dataset_ref.id)] = _uri(self.file_descriptor.location.uri)
        return loaded

    return read


def _around_write(original: Callable[..., Any]) -> Callable[..., Any]:
    def write(self: Any, dataset: Any, /, **others: Any) -> Any:
        written = original(self, dataset, **others)
        for quantum in _current.quanta:
            with _guarded("output"):
                uri = self.file_descriptor.location.uri.updatedExtension(self.get_write_extension())
                quantum.writes[str(self.dataset_ref.id)] = _uri(uri)
                if self.dataset_ref.datasetType.name == quantum.metadata_type:
                    quantum.metrics.update(_metrics(dataset))
        return written

    return write


def _around_ingest(original: Callable[..., Any]) -> Callable[..., Any]:
    def ingest(self: Any, *args: Any, **others: Any) -> Any:
        done = original(self, *args, **others)
        for quantum in _current.quanta:
            with _guarded("log"):
                quantum.writes[str(self.ref.id)] = _uri(self.butler.getURI(self.ref))
        return done

    return ingest


def _around_init_outputs(original: Callable[..., Any]) -> Callable[..., Any]:
    def write_init_outputs(self: Any, butler: Any, *args: Any, **others: Any) -> Any:
        quanta: list[FollowedQuantum] = []
        with _guarded("init-outputs"):
            if found := process():
                quanta = list(_init_quanta(found, self, butler))
        for quantum in quanta:
            with _guarded("init-outputs"):
                quantum.begin()
        with _following(quanta):
            return original(self, butler, *args, **others)

    return write_init_outputs


def _followed(found: Process, task_node: Any, butler: Any, quantum: Any, quantum_id: Any) -> FollowedQuantum:
    facts = {
        "kind": "quantum",
        "data_id": {name: str(value) for name, value in quantum.dataId.required.items()},
        "inputs": _groups(ref for refs in quantum.inputs.values() for ref in refs),
        "init_inputs": _groups(quantum.initInputs.values()),
        "outputs": _groups(ref for refs in quantum.outputs.values() for ref in refs),
    }
    return _of_task(found, task_node, butler, quantum_id, facts)


def _init_quanta(found: Process, graph: Any, butler: Any) -> Iterator[FollowedQuantum]:
    """Yield a quantum for each task that has init-outputs which don't exist yet."""
    for label, task_node in graph.pipeline_graph.tasks.items():
        quantum = graph._init_quanta.get(label)
        if quantum is None:
            continue
        config_name = task_node.init.config_output.dataset_type_name
        refs = [ref for ref in graph.get_init_outputs(label).values() if ref.datasetType.name != config_name]
        new = [ref for ref, stored in butler.stored_many(refs).items() if not stored] if refs else []
        if new:
            init_inputs = _groups(graph.get_init_inputs(label).values())
            facts = {"kind": "init", "data_id": {}, "inputs": [], "init_inputs": init_inputs, "outputs": _groups(new)}
            yield _of_task(found, task_node, butler, quantum.quantum_id, facts)


def _of_task(found: Process, task_node: Any, butler: Any, quantum_id: Any, facts: Mapping[str, Any]) -> FollowedQuantum:
    label = task_node.label
    of_task = {
        "task_class": task_node.task_class_name,
        "label": label,
        "config": found.config(label, task_node.config, task_node.get_config_str),
        "butler": repository(butler),
        "quantum": str(quantum_id),
    }
    return FollowedQuantum(found, label, {**of_task, **facts})


def _groups(refs: Iterable[Any]) -> list[dict[str, Any]]:
    """Return datasets as members of `DatasetGroup`, in order; a run of one dataset type and one RUN is one group.

    A task that has a dataset whole and as a component, too, has it once.
    """
    seen = set()
    groups: list[tuple[tuple[str, str, str, tuple[str, ...]], list[list[str]]]] = []
    for ref in refs:
        if ref.id in seen:
            continue
        seen.add(ref.id)
        data_id = ref.dataId.required
        name, _ = ref.datasetType.nameAndComponent()
        key = (name, ref.run, ref.datasetType.storageClass_name, tuple(data_id))
        if not groups or groups[-1][0] != key:
            groups.append((key, []))
        groups[-1][1].append([str(ref.id), *(str(value) for value in data_id.values())])
    return [
        {"dataset_type": name, "run": run, "storage_class": storage_class, "dimensions": dimensions, "rows": rows}
        for (name, run, storage_class, dimensions), rows in groups
    ]


def _uri(uri: Any) -> str:
    return f"file://{uri.ospath}" if uri.isLocal else str(uri)


def _metrics(metadata: Any) -> dict[str, str]:
    """Return what the task itself put into its metadata, flattened, as text."""
    found: dict[str, str] = {}

    def walk(node: Mapping[str, Any], path: str) -> None:
        for name, value in node.items():
            if isinstance(value, Mapping):
                walk(value, f"{path}{name}.")
            elif not name.endswith(_TIMING):
                found[path + name] = str(value)

    walk({name: group for name, group in metadata.to_dict().items() if name not in ("quantum", "job")}, "")
    return found
