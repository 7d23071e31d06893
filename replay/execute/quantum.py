# SPDX-License-Identifier: Apache-2.0
"""Runs a captured quantum in a rebuilt environment, in a fresh process, through the worker program."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from ..build.base import Built, own_directories
from ..errors import ReplayFailedError, ReplayRefusedError
from ..jobs.quantum import CapturedQuantum, Dataset
from ..readback.programs import told_file
from ..rubin.places import repository_places
from ..sandbox.base import Ended
from .destination import Destination
from .remade import RemadeOutput
from .server import Servers, last_lines
from .visible import seen_by_quantum

__all__ = ("MissingInputsError", "ask", "request_of", "run_quantum")

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


def run_quantum(
    job: CapturedQuantum, built: Built, destination: Destination, scratch: str, servers: Servers
) -> list[RemadeOutput]:
    """Run a quantum and return its outputs, those that the middleware writes about it included.

    Raises
    ------
    MissingInputsError
        If inputs are gone; nothing has run.
    ReplayFailedError
        If the payload failed, or the job's outputs were not all made.
    ReplayRefusedError
        If the code doesn't take the captured configuration, or an input's file was tampered with; nothing has run.
    """
    response = ask(request_of(job, destination), job, built, destination, scratch, servers)
    return _outputs(job, response, _log(scratch))


def ask(
    request: Mapping[str, object],
    job: CapturedQuantum,
    built: Built,
    destination: Destination,
    scratch: str,
    servers: Servers,
) -> dict[str, Any]:
    """Have the worker program answer a request about a quantum, and return what it says of what it did.

    Parameters
    ----------
    request : mapping
    scratch : `str`
        The replay's directory.

    Raises
    ------
    MissingInputsError, ReplayFailedError, ReplayRefusedError
        As `run_quantum`.
    """
    request_path, response_path = os.path.join(scratch, "request.json"), os.path.join(scratch, "response.json")
    for path in (response_path, told_file(scratch)):
        if os.path.exists(path):
            os.unlink(path)  # an answer to an earlier request must not be taken for one to this
    log_path = _log(scratch)
    try:
        with open(request_path, "w", encoding="utf-8") as stream:
            json.dump(request, stream)
        response, ended = _answer(job, built, destination, (request_path, response_path, log_path), servers)
    finally:
        os.unlink(request_path)  # it may hold a secret that was given again
    if ended.cause is not None and response["status"] in ("failed", "unprepared"):
        # What the payload says of it is a consequence.
        raise ReplayFailedError(f"the payload failed: {ended}: {_one_line(response['reason'])} (log: {log_path})")
    if response["status"] == "unprepared":
        raise ReplayRefusedError(f"it can't be prepared: {_one_line(response['reason'])} (log: {log_path})")
    if response["status"] == "refused":
        missing = [dataset["id"] for dataset in response.get("missing", ())]
        if missing:
            raise MissingInputsError(response["reason"], missing)
        raise ReplayRefusedError(response["reason"])
    if response["status"] == "failed":
        raise ReplayFailedError(f"the payload failed: {_one_line(response['reason'])} (log: {log_path})")
    return response


def _log(scratch: str) -> str:
    return os.path.join(scratch, "log.txt")


def _answer(
    job: CapturedQuantum, built: Built, destination: Destination, paths: tuple[str, str, str], servers: Servers
) -> tuple[dict[str, Any], Ended]:
    """Return the worker's answer to a request, and how the process ended."""
    request_path, response_path, log_path = paths
    scratch = os.path.dirname(request_path)
    repository = repository_places(destination.repository)
    mounts = seen_by_quantum(job, destination, repository, os.path.dirname(scratch))
    module = job.task.task_class.rpartition(".")[0]
    server = servers.server(built, mounts, os.path.dirname(scratch), (*_MIDDLEWARE, module), repository.remote)
    variables = own_directories(scratch, built.sandbox)
    open(log_path, "ab").close()
    if destination.isolated is not None:
        os.makedirs(destination.isolated, exist_ok=True)
        built.sandbox.own(destination.isolated)
    for path in (scratch, request_path, log_path):
        built.sandbox.own(path)
    try:
        ended = server.run(request_path, response_path, told_file(scratch), log_path, variables, job.umask)
    except BaseException:
        servers.forget(server)
        raise
    try:
        with open(response_path, encoding="utf-8") as stream:
            found = json.load(stream)
    except (OSError, ValueError):
        told = f"the payload died without an answer ({ended}): {last_lines(log_path)} (log: {log_path})"
        raise ReplayFailedError(told) from None
    return dict(found), ended


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
        "implicit_threading": "--enable-implicit-threading" in manifest.job.argv,
        "inputs": inputs(list(job.datasets(manifest.job.inputs))),
        "init_inputs": inputs(list(job.datasets(manifest.job.init_inputs))),
        "outputs": list(job.datasets(manifest.job.outputs)),
    }


def _outputs(job: CapturedQuantum, response: Mapping[str, Any], log_path: str) -> list[RemadeOutput]:
    """Return what was made, having checked that it was: the middleware calls a quantum a success that made nothing."""
    pairs = list(zip(job.datasets(job.manifest.job.outputs), response["outputs"], strict=True))
    expected = {output.dataset for output in job.science_outputs()}
    absent = [str(asked["dataset_type"]) for asked, made in pairs if not made["made"] and asked["id"] in expected]
    if absent:
        raise ReplayFailedError(f"the payload ended well but did not make {', '.join(absent)} (log: {log_path})")
    return [
        RemadeOutput(
            str(asked["id"]), made["dataset"], made["dataset_type"], made["uri"], made["path"], made["original"]
        )
        for asked, made in pairs
        if made["made"]
    ]
