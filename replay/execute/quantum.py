# SPDX-License-Identifier: Apache-2.0
"""Runs a captured quantum in a rebuilt environment, in a fresh process, through the worker program."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..build.base import Built, own_directories
from ..errors import ReplayFailedError, ReplayRefusedError
from ..jobs.quantum import CapturedQuantum, Dataset
from ..readback.programs import told_file
from ..rubin.places import repository_places
from .destination import Destination
from .remade import RemadeOutput
from .server import Answer, QuantumServer, Servers, last_lines
from .visible import seen_by_quantum

__all__ = ("Asked", "MissingInputsError", "ask", "ask_for_quantum", "hear", "made_outputs", "request_of")

_MIDDLEWARE = (
    "lsst.daf.butler",
    "lsst.daf.butler.formatters.json",
    "lsst.daf.butler.formatters.logs",
    "lsst.pipe.base.single_quantum_executor",
    "lsst.utils.threads",
)
"""What each quantum needs of it."""
_MAX_REASON = 160


class MissingInputsError(ReplayRefusedError):
    """Inputs of the quantum are gone.

    Attributes
    ----------
    uuids : `list` [ `str` ]
    """

    error_type = "missing_inputs"

    def __init__(self, message: str, uuids: list[str]) -> None:
        super().__init__(message)
        self.uuids = uuids


@dataclass(frozen=True)
class Asked:
    """A request that a server has.

    Attributes
    ----------
    request : mapping
    job : `CapturedQuantum`
    built : `Built`
    destination : `Destination`
    scratch : `str`
        The replay's directory.
    server : `QuantumServer`
    number : `int` or `None`
        By which the server's answer is heard; `None` if the server has died of the one before.
    """

    request: Mapping[str, object]
    job: CapturedQuantum
    built: Built
    destination: Destination
    scratch: str
    server: QuantumServer
    number: int | None

    @property
    def log(self) -> str:
        """The file that has what the payload said."""
        return _log(self.scratch)


def ask_for_quantum(
    job: CapturedQuantum, built: Built, destination: Destination, scratch: str, servers: Servers
) -> Asked:
    """Ask for a quantum. Another one may be running: then this one is prepared, and runs after it.

    Raises
    ------
    ReplayFailedError
        If there is no server that would take it.
    """
    return ask(request_of(job, destination), job, built, destination, scratch, servers)


def ask(
    request: Mapping[str, object],
    job: CapturedQuantum,
    built: Built,
    destination: Destination,
    scratch: str,
    servers: Servers,
) -> Asked:
    """Ask the worker program something about a quantum.

    Parameters
    ----------
    request : mapping
    scratch : `str`
        The replay's directory.

    Raises
    ------
    ReplayFailedError
        If there is no server that would take it.
    """
    request_path, response_path = _paths(scratch)
    for path in (response_path, told_file(scratch)):
        if os.path.exists(path):
            os.unlink(path)  # an answer to an earlier request must not be taken for one to this
    log_path = _log(scratch)
    with open(request_path, "w", encoding="utf-8") as stream:
        json.dump(request, stream)
    open(log_path, "ab").close()
    try:
        server = _server(job, built, destination, scratch, servers)
        for path in (scratch, request_path, log_path):
            built.sandbox.own(path)
        variables = own_directories(scratch, built.sandbox)
        number = _number(server, (request_path, response_path, told_file(scratch), log_path), variables, job, servers)
    except BaseException:
        os.unlink(request_path)  # it may hold a secret that was given again
        raise
    return Asked(request, job, built, destination, scratch, server, number)


def hear(asked: Asked, servers: Servers) -> tuple[dict[str, Any], float]:
    """Return what the worker program says of what it did, and how many seconds it took.

    Raises
    ------
    MissingInputsError
        If inputs are gone; nothing has run.
    ReplayFailedError
        If the payload failed.
    ReplayRefusedError
        If the code doesn't take the captured configuration, or an input's file was tampered with; nothing has run.
    """
    alone = asked.number is not None and asked.server.waiting < 2
    try:
        answer = _heard(asked, servers)
    except ReplayFailedError:
        if alone:
            raise
        # The server died, maybe of the other one that it was at.
        again = ask(asked.request, asked.job, asked.built, asked.destination, asked.scratch, servers)
        answer = _heard(again, servers)
    response, ended = _response(asked, answer), answer.ended
    if ended.cause is not None and response["status"] in ("failed", "unprepared"):
        # What the payload says of it is a consequence.
        raise ReplayFailedError(f"the payload failed: {ended}: {_one_line(response['reason'])} (log: {asked.log})")
    if response["status"] == "unprepared":
        raise ReplayRefusedError(f"it can't be prepared: {_one_line(response['reason'])} (log: {asked.log})")
    if response["status"] == "refused":
        missing = [dataset["id"] for dataset in response.get("missing", ())]
        if missing:
            raise MissingInputsError(response["reason"], missing)
        raise ReplayRefusedError(response["reason"])
    if response["status"] == "failed":
        raise ReplayFailedError(f"the payload failed: {_one_line(response['reason'])} (log: {asked.log})")
    return response, answer.seconds


def _paths(scratch: str) -> tuple[str, str]:
    """Return where the request and the response are."""
    return os.path.join(scratch, "request.json"), os.path.join(scratch, "response.json")


def _log(scratch: str) -> str:
    return os.path.join(scratch, "log.txt")


def _server(
    job: CapturedQuantum, built: Built, destination: Destination, scratch: str, servers: Servers
) -> QuantumServer:
    repository = repository_places(destination.repository)
    folder = os.path.dirname(scratch)
    mounts = seen_by_quantum(job, destination, repository, folder, servers.files)
    module = job.task.task_class.rpartition(".")[0]
    if destination.isolated is not None:
        os.makedirs(destination.isolated, exist_ok=True)
        built.sandbox.own(destination.isolated)
    threads = _has_threads(job)
    return servers.server(built, mounts, folder, (*_MIDDLEWARE, module), repository.remote, threads)


def _number(
    server: QuantumServer,
    paths: tuple[str, str, str, str],
    variables: Mapping[str, str],
    job: CapturedQuantum,
    servers: Servers,
) -> int | None:
    try:
        return server.ask(*paths, variables, job.umask)
    except ReplayFailedError:
        if server.waiting:
            return None  # whoever waits for the one before is told
        servers.forget(server)
        raise
    except BaseException:
        servers.forget(server)
        raise


def _has_threads(job: CapturedQuantum) -> bool:
    return "--enable-implicit-threading" in job.manifest.job.argv


def _heard(asked: Asked, servers: Servers) -> Answer:
    try:
        if asked.number is None:
            raise ReplayFailedError("its server has died of the quantum before")
        return asked.server.hear(asked.number)
    except BaseException:
        servers.forget(asked.server)
        raise
    finally:
        os.unlink(_paths(asked.scratch)[0])  # it may hold a secret that was given again


def _response(asked: Asked, answer: Answer) -> dict[str, Any]:
    """Return the worker's answer to a request."""
    try:
        with open(_paths(asked.scratch)[1], encoding="utf-8") as stream:
            return dict(json.load(stream))
    except (OSError, ValueError):
        said = last_lines(asked.log)
        told = f"the payload died without an answer ({answer.ended}): {said} (log: {asked.log})"
        raise ReplayFailedError(told) from None


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _MAX_REASON else f"{line[:_MAX_REASON]}…"


def request_of(job: CapturedQuantum, destination: Destination) -> dict[str, object]:
    """Return what the worker program must know of a quantum."""
    manifest = job.manifest

    def inputs(datasets: list[Dataset]) -> list[Dataset]:
        # A dataset that was re-made has other bytes in its volatile fields: there is no digest to hold it against.
        return [
            {**d, "id": destination.replaced[str(d["id"])], "digest": None} if d["id"] in destination.replaced else d
            for d in datasets
        ]

    return {
        "repository": destination.repository,
        "isolated": destination.isolated,
        "run": destination.run,
        "new_run": destination.isolated is None,
        "continue_run": destination.started,
        "kept": destination.kept,
        "quantum": manifest.job.quantum,
        "init": bool(job.task.init),
        "task_class": job.task.task_class,
        "label": job.task.label,
        "data_id": dict(job.task.data_id),
        "config": job.frozen_config.text,
        "implicit_threading": _has_threads(job),
        "inputs": inputs(list(job.datasets(manifest.job.inputs))),
        "init_inputs": inputs(list(job.datasets(manifest.job.init_inputs))),
        "outputs": list(job.datasets(manifest.job.outputs)),
    }


def made_outputs(asked: Asked, response: Mapping[str, Any]) -> list[RemadeOutput]:
    """Return what was made, what the middleware writes about a quantum included.

    Raises
    ------
    ReplayFailedError
        If the job's outputs were not all made: the middleware calls a quantum a success that made nothing.
    """
    job = asked.job
    pairs = list(zip(job.datasets(job.manifest.job.outputs), response["outputs"], strict=True))
    expected = {output.dataset for output in job.science_outputs()}
    absent = [str(one["dataset_type"]) for one, made in pairs if not made["made"] and one["id"] in expected]
    if absent:
        raise ReplayFailedError(f"the payload ended well but did not make {', '.join(absent)} (log: {asked.log})")
    return [
        RemadeOutput(str(one["id"]), made["dataset"], made["dataset_type"], made["uri"], made["path"], made["original"])
        for one, made in pairs
        if made["made"]
    ]
