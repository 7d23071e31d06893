# SPDX-License-Identifier: Apache-2.0
"""Runs one quantum in the rebuilt environment. `replay.execute.forkserver` loads it there, and forks for each quantum.

Only public classes of the middleware are used: the quantum is made directly, from the pinned UUIDs, without a query and
without a quantum graph. Works on lsst-pipe-base 30.2026.500 (Python 3.11) and 30.2026.4300.

The server calls `prepare` before it forks and `finish` after its child has ended, the child calls `answer`: it has the
payload to itself, and a fresh state for it; what the middleware does around it is done where it is warm. The next
quantum may be prepared while a child runs. The request and the response are JSON files; `replay.execute.quantum` writes
the one and reads the other.
"""

from __future__ import annotations

import json
import os
import signal
import time
import traceback
import uuid
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, ClassVar

from .frozen import Refused, import_class
from .opened import disconnect_all, forget_all
from .prepared import Prepared, found_outputs, in_isolated_repository, in_new_run, take_in
from .reading import put_down

__all__ = ("answer", "finish", "prepare")


@dataclass
class _Quantum:
    """A quantum of this process.

    Attributes
    ----------
    prepared : `Prepared` or `None`
    error : `BaseException` or `None`
        Why it is not prepared: the child says so.
    seconds : `dict`
    payload_started : `bool`
        What goes wrong before is no fault of the payload.
    provenance : mapping
        What its child left of what it made.
    """

    prepared: Prepared | None = None
    error: BaseException | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    payload_started: bool = False
    provenance: Mapping[str, Any] = field(default_factory=dict)


class _Known:
    """What this process keeps from one quantum to the next.

    Attributes
    ----------
    quanta : `dict`
        The two that were asked for last, by the path of their request.
    single_threaded : `bool`
        Whether libraries were told not to use threads by themselves.
    """

    quanta: ClassVar[dict[str, _Quantum]] = {}
    single_threaded: ClassVar[bool] = False


def prepare(request_path: str, response_path: str) -> None:
    """Prepare the quantum of a request, unless it writes into the user's repository: then its child does."""
    request = _read(request_path)
    if "read" in request:
        return  # of a quantum that was answered
    if not request["implicit_threading"] and not _Known.single_threaded:
        _disable_threading()  # once: a child that tells OpenBLAS starts its threads, and they spin for a while
    quantum = _Quantum()
    others = [(path, one) for path, one in _Known.quanta.items() if path != request_path]
    _Known.quanta = dict([*others[-1:], (request_path, quantum)])
    with suppress(FileNotFoundError):
        os.unlink(_provenance(response_path))
    if request["new_run"]:
        return
    try:
        _prepare(quantum, request)
    except BaseException as err:  # noqa: BLE001  (the child raises it again)
        quantum.error = err
        forget_all()
    disconnect_all()


def answer(request_path: str, response_path: str) -> None:
    """Answer one request."""
    answering = os.getpid()
    signal.signal(signal.SIGINT, _interrupt)
    request, quantum = _read(request_path), _Known.quanta.get(request_path, _Quantum())
    response: dict[str, Any]
    try:
        if "read" in request:
            put_down(request, quantum.prepared, quantum.provenance)
            response = {"status": "ok"}
        else:
            response = {"status": "ok", **_replay(quantum, request, _provenance(response_path))}
    except Refused as err:
        response = {"status": "refused", "reason": str(err), **err.details}
    except Exception as err:  # noqa: BLE001  (the payload may raise anything, and that is the answer)
        traceback.print_exc()
        response = _wrong("failed" if quantum.payload_started else "unprepared", err)
    if os.getpid() != answering:
        os._exit(1)  # the payload forked, and this is not the process that was asked
    _write(response_path, response)


def finish(request_path: str, response_path: str) -> None:
    """Take what the child of a request made into the isolated repository, if that is to be kept."""
    request, quantum = _read(request_path), _Known.quanta.get(request_path, _Quantum())
    if quantum.prepared is None or not os.path.exists(_provenance(response_path)):
        return
    try:
        quantum.provenance = _read(_provenance(response_path))
        os.unlink(_provenance(response_path))
        if request["kept"]:
            take_in(quantum.prepared, request, quantum.provenance)
    except Exception as err:  # noqa: BLE001  (what the payload left there may be anything)
        traceback.print_exc()
        forget_all()
        _write(response_path, _wrong("failed", err))


def _prepare(quantum: _Quantum, request: Mapping[str, Any]) -> None:
    started = time.perf_counter()
    import_class(request["task_class"], "task class")
    imported = time.perf_counter()
    quantum.prepared = in_new_run(request) if request["new_run"] else in_isolated_repository(request)
    quantum.seconds = {"import": imported - started, "prepare": time.perf_counter() - imported}


def _disable_threading() -> None:
    """Do as pipetask does by default: thread counts decide bits."""
    from lsst.utils.threads import disable_implicit_threading

    disable_implicit_threading()
    _Known.single_threaded = True


def _replay(quantum: _Quantum, request: Mapping[str, Any], provenance_path: str) -> dict[str, Any]:
    if quantum.error is not None:
        raise quantum.error
    if request["implicit_threading"] == _Known.single_threaded:
        raise Refused("its server was told otherwise of threads")
    if quantum.prepared is None:
        _prepare(quantum, request)
    prepared = quantum.prepared
    assert prepared is not None
    started = time.perf_counter()
    quantum.payload_started = True
    try:
        if request["init"]:
            _write_init_outputs(prepared)
        else:
            if request["new_run"]:
                _start_run(prepared, request["run"])
            _execute(prepared, request)
    except BaseException:
        if request["new_run"] and not request["continue_run"]:
            # It is ours, and the user's repository keeps nothing half made.
            prepared.butler.removeRuns([request["run"]])
        raise
    seconds = {**quantum.seconds, "run": time.perf_counter() - started}
    if request["new_run"]:
        return {"outputs": found_outputs(prepared, prepared.outputs), "seconds": seconds}
    provenance = prepared.butler.extract_provenance_data()
    _write(provenance_path, provenance.model_dump(mode="json"))
    # Without a registry, a file at the place of an output would pass for one.
    put = [ref for ref in prepared.outputs if ref.id in provenance.actual_outputs]
    return {"outputs": found_outputs(prepared, put), "seconds": seconds}


def _execute(prepared: Prepared, request: Mapping[str, Any]) -> None:
    from lsst.pipe.base import TaskFactory
    from lsst.pipe.base.single_quantum_executor import SingleQuantumExecutor

    butler = prepared.butler
    given: dict[str, Any] = {"butler": butler}
    if not request["new_run"]:
        butler.close = lambda: None  # it is asked for its records afterwards
        given = {"limited_butler_factory": lambda _: butler, "assume_no_existing_outputs": True}
    quantum_id = uuid.uuid4() if request["new_run"] else uuid.UUID(request["quantum"])
    executor = SingleQuantumExecutor(task_factory=TaskFactory(), **given)
    executor.execute(prepared.graph.tasks[request["label"]], prepared.quantum, quantum_id=quantum_id)


def _init_objects(prepared: Prepared) -> Iterator[tuple[Any, Any]]:
    """Yield each init-output that constructing the task makes, with its dataset type."""
    made: list[tuple[Any, Any]] = []

    def get(dataset_type: Any) -> Any:
        return prepared.butler.get(prepared.quantum.initInputs[dataset_type.name])

    prepared.graph.instantiate_tasks(get_init_input=get, init_outputs=made)
    return iter(made)


def _write_init_outputs(prepared: Prepared) -> None:
    refs = {ref.datasetType.name: ref for ref in prepared.outputs}
    for made, dataset_type in _init_objects(prepared):
        if dataset_type.name in refs:
            prepared.butler.put(made, refs[dataset_type.name])


def _start_run(prepared: Prepared, run: str) -> None:
    """Write what pipetask writes into a RUN before its first quantum, unless an earlier quantum of the RUN did."""
    from lsst.utils.packages import Packages

    objects = [(dataset_type.name, made) for made, dataset_type in _init_objects(prepared)]
    objects += [(node.init.config_output.dataset_type_name, node.config) for node in prepared.graph.tasks.values()]
    objects.append(("packages", Packages.fromSystem()))
    for name, made in objects:
        if prepared.butler.find_dataset(name, collections=[run]) is None:
            prepared.butler.put(made, name, run=run)


def _interrupt(number: int, frame: object) -> None:
    """Be interrupted once: a terminal's Ctrl-C comes from the replay too, and must not stop the taking back."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise KeyboardInterrupt


def _wrong(status: str, error: Exception) -> dict[str, Any]:
    return {"status": status, "reason": f"{type(error).__name__}: {error}"}


def _provenance(response_path: str) -> str:
    """Return where the child leaves what `finish` needs."""
    return f"{response_path}.provenance"


def _read(path: str) -> dict[str, Any]:
    with open(path, encoding="utf-8") as stream:
        return dict(json.load(stream))


def _write(path: str, document: Mapping[str, Any]) -> None:
    with open(path, "w", encoding="utf-8") as stream:
        json.dump(document, stream)
