# SPDX-License-Identifier: Apache-2.0
"""What the server opens before it forks, and its children find open."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, ClassVar

from .frozen import frozen_config, import_class

__all__ = ("data_id", "opened_isolated", "opened_source", "prepare", "task_graph")

_Identity = tuple[str, int, int] | None


class _Opened:
    """What the server has opened, for all children to come.

    Attributes
    ----------
    butlers : `dict`
        By the identity of their repository (`_identity`) and the RUN that they write to; `None` where there is none.
    graphs : `dict`
        Of one task each, by what they depend on of a request.
    known, unknown : `set`
        RUNs and dataset types, with the identity of their isolated repository, that its butler knows; and those that a
        child writes there, if they aren't there yet.
    earlier : `dict`
        A request that was answered there, by the identity of the isolated repository.
    """

    butlers: ClassVar[dict[tuple[_Identity, str | None], Any]] = {}
    graphs: ClassVar[dict[tuple[object, ...], Any]] = {}
    known: ClassVar[set[tuple[_Identity, str]]] = set()
    unknown: ClassVar[set[tuple[_Identity, str]]] = set()
    earlier: ClassVar[dict[_Identity, Mapping[str, Any]]] = {}


def prepare(request_path: str) -> None:
    """Open in the server, once, what its children would open each: it takes longer than many a quantum.

    Nothing is opened that could not be taken through a fork: a repository on a server, or one of which a file stays
    open. What fails here fails in the child again, which says so.
    """
    with open(request_path, encoding="utf-8") as stream:
        request = json.load(stream)
    if request["new_run"]:
        return
    source = _open_for_children(request["repository"], None)
    if source is not None and _graph_key(request) not in _Opened.graphs:
        _look(source, request)
        _Opened.graphs[_graph_key(request)] = _graph(source, request)
        _disconnect(source)
    isolated, identity = _open_for_children(request["isolated"], request["run"]), _identity(request["isolated"])
    if isolated is not None:
        written = {one for one in _Opened.unknown if one[0] == identity}
        if written:
            with suppress(Exception):  # that one may have failed, and left nothing there
                _look(isolated, _Opened.earlier[identity])
            isolated.registry.refresh()  # and forget what else will be there
            _disconnect(isolated)
            _Opened.known |= written
            _Opened.unknown -= written
        _Opened.unknown |= _needed(request) - _Opened.known
    _Opened.earlier[identity] = request


def opened_source(request: Mapping[str, Any]) -> Any:
    """Return a butler of the user's repository that only reads."""
    from lsst.daf.butler import Butler

    found = _Opened.butlers.get((_identity(request["repository"]), None))
    return Butler.from_config(request["repository"], writeable=False) if found is None else found


def opened_isolated(request: Mapping[str, Any]) -> Any:
    """Return a butler that writes to a RUN of the isolated repository, which must be there."""
    from lsst.daf.butler import Butler

    found = _Opened.butlers.get((_identity(request["isolated"]), request["run"]))
    if found is None:
        return Butler.from_config(request["isolated"], writeable=True, run=request["run"])
    if not _needed(request) <= _Opened.known:
        found.registry.refresh()  # other children have written to it since
    found.collections.register(request["run"])
    return found


def task_graph(source: Any, request: Mapping[str, Any]) -> Any:
    """Return the pipeline graph of a request's task alone."""
    return _Opened.graphs.get(_graph_key(request)) or _graph(source, request)


def _identity(place: str) -> _Identity:
    """Return what tells a local repository from one that stands in its place later; `None` of no local repository."""
    root = place.removeprefix("file://").rstrip("/")
    config = os.path.join(root, "butler.yaml") if os.path.isdir(root) else root
    try:
        found = os.stat(config)
    except (OSError, ValueError):
        return None
    return place, found.st_ino, found.st_mtime_ns


def _open_for_children(place: str, run: str | None) -> Any:
    """Return a butler without a connection, which writes to a RUN if that is given; `None` if there can be none."""
    from lsst.daf.butler import Butler

    key = (_identity(place), run)
    if key[0] is None:
        return None
    if key not in _Opened.butlers:
        _Opened.butlers[key] = None
        butler = Butler.from_config(place, writeable=run is not None, run=run)
        if str(butler._config["registry", "db"]).startswith("sqlite"):
            _disconnect(butler)
            database = os.path.realpath(str(butler._registry._db._engine.url.database))
            if database not in _open_files():
                _Opened.butlers[key] = butler
    return _Opened.butlers[key]


def _disconnect(butler: Any) -> None:
    """Close the connections to the database: SQLite's must not be used after a fork."""
    butler._registry._db._engine.dispose()


def _open_files() -> Iterator[str]:
    for name in os.listdir("/proc/self/fd"):
        try:
            yield os.readlink(f"/proc/self/fd/{name}")
        except OSError:
            continue  # that of the list itself


def _look(source: Any, request: Mapping[str, Any]) -> None:
    """Ask what a child asks: the middleware keeps the statements that it made, and the instrument's own records."""
    for dataset in request["outputs"]:
        source.registry.expandDataId(data_id(source, dataset["data_id"]))
    for dataset in (*request["inputs"][:1], *request["outputs"][:1]):
        ref = source.get_dataset(uuid.UUID(dataset["id"]), dimension_records=True)
        if ref is not None and source.stored(ref):
            source.getURI(ref)


def _needed(request: Mapping[str, Any]) -> set[tuple[_Identity, str]]:
    """Return the RUNs and the dataset types of a quantum, as `_Opened.known` has them."""
    identity = _identity(request["isolated"])
    datasets = [one for part in ("inputs", "init_inputs", "outputs") for one in request[part]]
    names = {name for one in datasets for name in (one["dataset_type"], f"run {one['run']}")}
    return {(identity, name) for name in (*names, f"run {request['run']}")}


def _graph_key(request: Mapping[str, Any]) -> tuple[object, ...]:
    return _identity(request["repository"]), request["label"], request["task_class"], request["config"]


def _graph(source: Any, request: Mapping[str, Any]) -> Any:
    from lsst.pipe.base import PipelineGraph

    task_class = import_class(request["task_class"], "task class")
    graph = PipelineGraph(universe=source.dimensions)
    graph.add_task(request["label"], task_class, config=frozen_config(task_class.ConfigClass, request["config"]))
    graph.resolve(source.registry)
    return graph


def data_id(butler: Any, values: Mapping[str, str]) -> Any:
    """Return a data ID whose values are texts, as the middleware has it."""
    from lsst.daf.butler import DataCoordinate

    typed = {name: butler.dimensions.dimensions[name].primaryKey.getPythonType()(v) for name, v in values.items()}
    return DataCoordinate.standardize(typed, universe=butler.dimensions)
