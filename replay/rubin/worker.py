# SPDX-License-Identifier: Apache-2.0
"""Runs one quantum in the rebuilt environment. `replay.execute.forkserver` loads it there, and forks for each quantum.

It imports nothing but the standard library and the middleware of the environment under test, so that nothing of the
replaying software can change what the quantum sees. Only public classes of the middleware are used: the quantum is
made directly, from the pinned UUIDs, without a query and without a quantum graph. Works on lsst-pipe-base 30.2026.500
(Python 3.11) and 30.2026.4300.

The request and the response are JSON files; `replay.execute.quantum` writes the one and reads the other.
"""

from __future__ import annotations

import ast
import hashlib
import importlib
import json
import os
import signal
import sys
import time
import traceback
import uuid
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar

__all__ = ("Refused", "answer", "frozen_config", "isolated_repository", "prepare")


class Refused(Exception):  # noqa: N818  (an answer, not an error)
    """The quantum must not run; the response says why, and nothing has run."""

    def __init__(self, reason: str, **details: object) -> None:
        super().__init__(reason)
        self.details = details


class _Payload:
    """Whether the payload has been started: what goes wrong before is no fault of its own."""

    started = False


class _Opened:
    """What the server has opened, for all children to come.

    Attributes
    ----------
    butlers : `dict`
        By the place of their repository; `None` where there can be none.
    graphs : `dict`
        Of one task each, by what they depend on of a request.
    known, unknown : `set`
        RUNs and dataset types, with the place of their isolated repository, that its butler knows; and that a child is
        to write there, if they aren't there yet.
    """

    butlers: ClassVar[dict[str, Any]] = {}
    graphs: ClassVar[dict[tuple[str, ...], Any]] = {}
    known: ClassVar[set[tuple[str, str]]] = set()
    unknown: ClassVar[set[tuple[str, str]]] = set()


def prepare(request_path: str) -> None:
    """Open in the server, once, what its children would open each: it takes longer than many a quantum.

    Nothing is opened that could not be taken through a fork: a repository on a server, or one of which a file stays
    open. What fails here fails in the child again, which says so.
    """
    with open(request_path, encoding="utf-8") as stream:
        request = json.load(stream)
    if request["new_run"]:
        return
    from lsst.daf.butler import Butler

    for place, writeable in ((request["repository"], False), (request["isolated"], True)):
        if place not in _Opened.butlers and Butler.has_repo_config(place):
            _Opened.butlers[place] = _opened_for_children(place, writeable)
    source, isolated = (_Opened.butlers.get(request[name]) for name in ("repository", "isolated"))
    if source is not None and _graph_key(request) not in _Opened.graphs:
        _look(source, request)
        _Opened.graphs[_graph_key(request)] = _graph(source, request)
        source._registry._db._engine.dispose()
    if isolated is not None and _Opened.unknown:
        isolated.registry.refresh()
        isolated._registry._db._engine.dispose()
        _Opened.known |= {one for one in _Opened.unknown if one[0] == request["isolated"]}
        _Opened.unknown -= _Opened.known
    _Opened.unknown |= _needed(request) - _Opened.known


def _needed(request: Mapping[str, Any]) -> set[tuple[str, str]]:
    """Return the RUN and the dataset types of a quantum, as `_Opened.known` has them."""
    types = {one["dataset_type"] for part in ("inputs", "init_inputs", "outputs") for one in request[part]}
    return {(request["isolated"], name) for name in (*types, f"run {request['run']}")}


def _graph_key(request: Mapping[str, Any]) -> tuple[str, ...]:
    return request["repository"], request["label"], request["task_class"], request["config"]


def _graph(source: Any, request: Mapping[str, Any]) -> Any:
    """Return the pipeline graph of the task alone."""
    from lsst.pipe.base import PipelineGraph

    task_class = _import_class(request["task_class"], "task class")
    graph = PipelineGraph(universe=source.dimensions)
    graph.add_task(request["label"], task_class, config=frozen_config(task_class.ConfigClass, request["config"]))
    graph.resolve(source.registry)
    return graph


def _look(source: Any, request: Mapping[str, Any]) -> None:
    """Ask what a child asks: the middleware keeps the statements that it made, and the instrument's own records."""
    for dataset in request["outputs"]:
        source.registry.expandDataId(_data_id(source, dataset["data_id"]))
    for dataset in (*request["inputs"][:1], *request["outputs"][:1]):
        ref = source.get_dataset(uuid.UUID(dataset["id"]), dimension_records=True)
        if ref is not None and source.stored(ref):
            source.getURI(ref)


def _opened_for_children(place: str, writeable: bool) -> Any:
    """Return a butler that has no connection, `None` if there can be none."""
    from lsst.daf.butler import Butler

    root = place.removeprefix("file://").rstrip("/")
    if "://" in root:
        return None
    butler = Butler.from_config(place, writeable=writeable)
    if not str(butler._config["registry", "db"]).startswith("sqlite"):
        butler.close()
        return None
    butler._registry._db._engine.dispose()
    if any(path.endswith((".sqlite3", ".sqlite")) or path.startswith(f"{root}/") for path in _open_files()):
        butler.close()
        return None
    return butler


def _open_files() -> Iterator[str]:
    for name in os.listdir("/proc/self/fd"):
        try:
            yield os.readlink(f"/proc/self/fd/{name}")
        except OSError:
            continue  # that of the list itself


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
    _import_class(request["task_class"], "task class")
    imported = time.perf_counter()

    from lsst.daf.butler import Butler
    from lsst.utils.threads import disable_implicit_threading

    if not request["implicit_threading"]:
        disable_implicit_threading()  # as pipetask does by default: thread counts decide bits
    source = _Opened.butlers.get(request["repository"]) or Butler.from_config(request["repository"], writeable=False)
    graph = _Opened.graphs.get(_graph_key(request)) or _graph(source, request)
    outputs = list(_output_refs(source, graph, request))
    if request["new_run"]:
        destination, inputs = _new_run(source, request)
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


def _import_class(name: str, what: str) -> Any:
    module, _, attribute = name.rpartition(".")
    try:
        return getattr(importlib.import_module(module), attribute)
    except Exception as err:
        raise Refused(f"the {what} {name} can't be imported: {type(err).__name__}: {err}") from err


def frozen_config(config_class: Any, text: str) -> Any:
    """Return the configuration as captured: every field set, none left to a default of today's code."""
    config = config_class()
    removed = []
    for statement in ast.parse(text).body:
        try:
            _apply(statement, config)
        except (AttributeError, KeyError):
            removed.append(ast.unparse(statement).partition(" = ")[0].removeprefix("config."))
        except Exception as err:
            shown = ast.unparse(statement)[:120]
            raise Refused(f"the code does not take the captured configuration ({shown}): {err}") from err
    frozen, now = _assigned(text), _assigned(config.saveToString())
    added = sorted(now.keys() - frozen.keys())
    if removed or added:
        fields = [f"{name} is new" for name in added] + [f"{name} is gone" for name in removed]
        raise Refused(
            "the code's configuration has other fields than the captured one: " + "; ".join(fields),
            fields_added=added,
            fields_removed=removed,
        )
    changed = [name for name in frozen if frozen[name] != now.get(name)]
    if changed:
        raise Refused(f"the code changes the captured value of {', '.join(changed)}")
    return config


def _apply(statement: ast.stmt, config: Any) -> None:
    """Carry out one statement of a configuration that was regenerated from a whitelist (`envcap.pexconfig`)."""
    from lsst.pex.config import Config

    if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Call):
        called = ast.unparse(statement.value.func)
        if called != "float" and not issubclass(_import_class(called, "config class"), Config):
            raise Refused(f"{called} is no configuration class")
    names = {"config": config, "float": float, "__builtins__": {"__import__": __import__, "type": type}}
    for node in ast.walk(statement):
        if isinstance(node, ast.Attribute) and (dotted := _dotted(node)) and not dotted.startswith("config."):
            top = dotted.partition(".")[0]
            _import_class(dotted, "class")
            names[top] = sys.modules[top]
    exec(compile(ast.Module([statement], []), "<captured configuration>", "exec"), names)  # noqa: S102


def _dotted(node: ast.expr) -> str | None:
    if isinstance(node, ast.Attribute):
        inner = _dotted(node.value)
        return f"{inner}.{node.attr}" if inner else None
    return node.id if isinstance(node, ast.Name) else None


def _assigned(text: str) -> dict[str, str]:
    """Return the fields that a dump assigns, with their values in one spelling."""
    found = {}
    for statement in ast.parse(text).body:
        if isinstance(statement, ast.Assign):
            value = ast.unparse(statement.value).replace("float('inf')", "inf").replace("float('-inf')", "-inf")
            found[ast.unparse(statement.targets[0]).removeprefix("config.")] = value.replace("float('nan')", "nan")
    return found


def _new_run(source: Any, request: Mapping[str, Any]) -> tuple[Any, dict[str, list[Any]]]:
    """Return a butler that writes to a new RUN of the user's repository, and the inputs."""
    from lsst.daf.butler import Butler

    run = request["run"]
    if not request["continue_run"] and run in source.collections.query("*", flatten_chains=False):
        raise Refused(f"the collection {run} exists; name a new RUN")
    inputs, _ = _pinned_inputs(source, None, request)
    return Butler.from_config(request["repository"], writeable=True, run=run), inputs


def isolated_repository(
    source: Any, request: Mapping[str, Any], data_ids: Iterable[Any]
) -> tuple[Any, dict[str, list[Any]]]:
    """Return a butler of the isolated repository, made if it isn't there, and the inputs, which are copied into it."""
    from lsst.daf.butler import Butler, Config

    folder = request["isolated"]
    if not Butler.has_repo_config(folder):
        # The repository's own storage classes and formatters decide how datasets are written.
        kept = Config()
        original = source._config
        for key in ("storageClasses", ("datastore", "formatters"), ("datastore", "composites")):
            if key in original:
                kept[key] = original[key]
        Butler.makeRepo(folder, config=kept, dimensionConfig=source.dimensions.dimensionConfig)
    if (opened := _Opened.butlers.get(folder)) is not None:
        if not _needed(request) <= _Opened.known:
            opened.registry.refresh()  # other children have written to it since
        opened.collections.register(request["run"])
        made = opened.clone(run=request["run"])
    else:
        made = Butler.from_config(folder, writeable=True, run=request["run"])
    with made.transaction():  # a commit for each record takes longer than the records
        for element, record in _records(data_ids):
            made.registry.insertDimensionData(element, record, skip_existing=True)
    inputs, transfer = _pinned_inputs(source, made, request)
    if transfer:
        made.transfer_from(source, transfer, transfer="copy", register_dataset_types=True, transfer_dimensions=True)
    return made, inputs


def _records(data_ids: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
    """Yield the records of some data IDs, each once, in the order in which they may be inserted."""
    seen: set[tuple[str, Any]] = set()
    for data_id in data_ids:
        for element in data_id.universe.sorted(data_id.dimensions.elements):
            record = data_id.records[element.name]
            if record is None or not element.has_own_table or (element.name, record.dataId) in seen:
                continue
            seen.add((element.name, record.dataId))
            yield element, record


def _pinned_inputs(source: Any, isolated: Any, request: Mapping[str, Any]) -> tuple[dict[str, list[Any]], list[Any]]:
    """Return the inputs by dataset type, in order, and those of them that the isolated repository lacks.

    Each was checked against its captured digest.
    """
    found: dict[str, list[Any]] = {}
    missing, tampered, transfer = [], [], []
    for dataset in (*request["inputs"], *request["init_inputs"]):
        refs = found.setdefault(dataset["dataset_type"], [])
        made = isolated.get_dataset(uuid.UUID(dataset["id"])) if isolated is not None else None
        if made is not None and isolated.stored(made):
            refs.append(made)
            continue
        ref = source.get_dataset(uuid.UUID(dataset["id"]), dimension_records=True)
        if not dataset["available"]:
            # What wasn't there when the job ran is handed over as it was then, predicted only, even if it is there now.
            if ref is not None and isolated is not None:
                refs.append(ref)
            continue
        if ref is None or not source.stored(ref) or not source.getURI(ref).exists():
            missing.append(dataset)
            continue
        if dataset["digest"] and _digest(source.getURI(ref)) != dataset["digest"]:
            tampered.append({**dataset, "uri": str(source.getURI(ref))})
        refs.append(ref)
        transfer.append(ref)
    if tampered:
        named = "; ".join(f"{d['dataset_type']} {d['id']} ({d['uri']})" for d in tampered)
        raise Refused(f"the file of an input is not what the job read: {named}", tampered=tampered)
    if missing:
        named = "; ".join(f"{d['dataset_type']} {d['id']}" for d in missing)
        raise Refused(f"an input is gone: {named}", missing=missing)
    return found, transfer


def _digest(uri: Any) -> str:
    with uri.as_local() as local, open(local.ospath, "rb") as stream:
        return "sha256:" + hashlib.file_digest(stream, "sha256").hexdigest()


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
        data_id = expanded[named]
        own_id = {} if request["new_run"] else {"id": uuid.UUID(dataset["id"])}
        yield DatasetRef(types[dataset["dataset_type"]], data_id, run=request["run"], **own_id)


def _data_id(butler: Any, values: Mapping[str, str]) -> Any:
    from lsst.daf.butler import DataCoordinate

    typed = {name: butler.dimensions.dimensions[name].primaryKey.getPythonType()(v) for name, v in values.items()}
    return DataCoordinate.standardize(typed, universe=butler.dimensions)


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
        dataId=butler.registry.expandDataId(_data_id(butler, request["data_id"])),
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
