# SPDX-License-Identifier: Apache-2.0
"""The repositories and task graphs that a server keeps open from one quantum to the next."""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping
from typing import Any, ClassVar

from .frozen import frozen_config, import_class

__all__ = (
    "disconnect_all",
    "forget_all",
    "is_told",
    "isolated_butler",
    "note_written",
    "quantum_butler",
    "source_butler",
    "task_graph",
)

_Identity = tuple[str, int, int]


class _Opened:
    """What is open in this process.

    Attributes
    ----------
    butlers : `dict`
        By the identity of their repository (`_identity`), or its name if that is none of this host.
    graphs : `dict`
        Of one task each, by what they depend on of a request.
    told : `set`
        What an isolated repository was told, by its identity and what that was.
    written : `dict`
        The state of an isolated repository's database when this process wrote to it last, by its identity.
    without_registry : `dict`
        A butler of an isolated repository without its registry, by its identity.
    lent : `list`
        Inputs that such a butler's datastore knows for one quantum, with that datastore.
    """

    butlers: ClassVar[dict[_Identity | str, Any]] = {}
    graphs: ClassVar[dict[tuple[object, ...], Any]] = {}
    told: ClassVar[set[tuple[_Identity | str, object]]] = set()
    written: ClassVar[dict[_Identity | str, tuple[int, int]]] = {}
    without_registry: ClassVar[dict[_Identity | str, Any]] = {}
    lent: ClassVar[list[tuple[Any, list[Any]]]] = []


def source_butler(request: Mapping[str, Any]) -> Any:
    """Return a butler of the user's repository that only reads."""
    return _opened(request["repository"], writeable=False)


def isolated_butler(request: Mapping[str, Any]) -> Any:
    """Return a butler that writes to the isolated repository, which must be there."""
    place = request["isolated"]
    butler = _opened(place, writeable=True)
    if _Opened.written.get(_key(place)) != _state(butler):
        butler.registry.refresh()  # the server of another environment has written to it
    return butler


def note_written(request: Mapping[str, Any]) -> None:
    """Note that this process has written to the isolated repository, and knows what is there."""
    place = request["isolated"]
    _Opened.written[_key(place)] = _state(_opened(place, writeable=True))


def quantum_butler(request: Mapping[str, Any], quantum: Any, records: Mapping[uuid.UUID, Any], types: Any) -> Any:
    """Return a butler without a registry, as in a batch job (`pipetask run-qbb`).

    It may cross a fork: what it knows is in memory.

    Parameters
    ----------
    quantum : `lsst.daf.butler.Quantum`
    records : mapping
        Where its inputs are, as a datastore keeps it, by UUID.
    types : mapping
        Dataset types by name.
    """
    from lsst.daf.butler import QuantumBackedButler
    from lsst.daf.butler.datastore.record_data import DatastoreRecordData

    repository = _opened(request["isolated"], writeable=True)
    key = _key(request["isolated"])
    if key not in _Opened.without_registry:
        # Its datastore serves all quanta, since making one takes longer than many a task.
        _Opened.without_registry[key] = QuantumBackedButler.from_predicted(
            repository._config, (), (), repository.dimensions, {}
        )
    first = _Opened.without_registry[key]
    while _Opened.lent:  # the next quantum may make what this one reads
        datastore, refs = _Opened.lent.pop()
        datastore.forget(refs)
    inputs = [*quantum.initInputs.values(), *(ref for refs in quantum.inputs.values() for ref in refs)]
    first._datastore.import_records({first._datastore.name: DatastoreRecordData(dict(records))})
    _Opened.lent.append((first._datastore, inputs))
    return QuantumBackedButler(
        [ref.id for ref in inputs],
        [ref.id for refs in quantum.outputs.values() for ref in refs],
        repository.dimensions,
        first._datastore,
        first.storageClasses,
        dataset_types=types,
        database=first._database,
    )


def is_told(request: Mapping[str, Any], what: object) -> bool:
    """Whether the isolated repository was told something before; from now on, it was."""
    key = (_key(request["isolated"]), what)
    if key in _Opened.told:
        return True
    _Opened.told.add(key)
    return False


def task_graph(source: Any, request: Mapping[str, Any]) -> Any:
    """Return the pipeline graph of a request's task alone."""
    from lsst.pipe.base import PipelineGraph

    key = (_key(request["repository"]), request["label"], request["task_class"], request["config"])
    if key not in _Opened.graphs:
        task_class = import_class(request["task_class"], "task class")
        graph = PipelineGraph(universe=source.dimensions)
        graph.add_task(request["label"], task_class, config=frozen_config(task_class.ConfigClass, request["config"]))
        graph.resolve(source.registry)
        _Opened.graphs[key] = graph
    return _Opened.graphs[key]


def disconnect_all() -> None:
    """Close the connections to databases, which must not be used on both sides of a fork."""
    for butler in _Opened.butlers.values():
        butler._registry._db._engine.dispose()


def forget_all() -> None:
    """Open everything anew from now on."""
    disconnect_all()
    for kept in (_Opened.butlers, _Opened.graphs, _Opened.told, _Opened.written, _Opened.without_registry):
        kept.clear()
    _Opened.lent.clear()


def _opened(place: str, *, writeable: bool) -> Any:
    from lsst.daf.butler import Butler

    key = _key(place)
    if key not in _Opened.butlers:
        _Opened.butlers[key] = Butler.from_config(place, writeable=writeable)
    return _Opened.butlers[key]


def _key(place: str) -> _Identity | str:
    """Return what tells a local repository from one that stands in its place later, and any other by its name."""
    root = place.removeprefix("file://").rstrip("/")
    config = os.path.join(root, "butler.yaml") if os.path.isdir(root) else root
    try:
        found = os.stat(config)
    except (OSError, ValueError):
        return place
    return place, found.st_ino, found.st_mtime_ns


def _state(butler: Any) -> tuple[int, int]:
    """Return what changes with every commit to the database of an isolated repository, which is SQLite's."""
    found = os.stat(str(butler._registry._db._engine.url.database))
    return found.st_size, found.st_mtime_ns
