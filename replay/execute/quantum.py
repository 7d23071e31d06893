# SPDX-License-Identifier: Apache-2.0
"""Runs a captured quantum in a rebuilt environment, in a fresh process, through the worker program."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..build.base import Built
from ..captured import CapturedQuantum, Dataset
from ..errors import ReplayFailedError, ReplayRefusedError

__all__ = ("Destination", "MissingInputsError", "RemadeOutput", "run_quantum")

_WORKER = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "rubin", "worker.py")
_LOG_LINES = 3
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
class Destination:
    """Where a quantum reads and writes.

    Attributes
    ----------
    repository : `str`
        URI of the user's repository.
    isolated : `str` or `None`
        Directory of the isolated repository; `None` to write to the user's own.
    run : `str`
        The RUN to write to.
    replaced : mapping
        UUIDs of inputs that were re-made, by their original UUIDs.
    started : `bool`
        Whether an earlier quantum of this replay made the RUN.
    """

    repository: str
    isolated: str | None
    run: str
    replaced: Mapping[str, str]
    started: bool


@dataclass(frozen=True)
class RemadeOutput:
    """An output that the replay made.

    Attributes
    ----------
    original : `str`
        UUID of the dataset that it stands for.
    dataset : `str`
        Its own UUID.
    dataset_type, uri : `str`
    path : `str` or `None`
        If it is a local file.
    original_path : `str` or `None`
        Where the dataset that it stands for is now.
    """

    original: str
    dataset: str
    dataset_type: str
    uri: str
    path: str | None
    original_path: str | None


def run_quantum(job: CapturedQuantum, built: Built, destination: Destination, scratch: str) -> list[RemadeOutput]:
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
    request_path, response_path = os.path.join(scratch, "request.json"), os.path.join(scratch, "response.json")
    if os.path.exists(response_path):
        os.unlink(response_path)  # an answer to an earlier request must not be taken for one to this
    log_path = os.path.join(scratch, "log.txt")
    try:
        with open(request_path, "w", encoding="utf-8") as stream:
            json.dump(_request(job, destination), stream)
        # -P: the worker's own directory must not be importable by the payload.
        status = _run([built.python, "-P", _WORKER, request_path, response_path], built.variables, log_path)
    finally:
        os.unlink(request_path)  # it may hold a secret that was given again
    response = _response(response_path, status, log_path)
    if response["status"] == "unprepared":
        raise ReplayRefusedError(f"it can't be prepared: {_one_line(response['reason'])} (log: {log_path})")
    if response["status"] == "refused":
        missing = [dataset["id"] for dataset in response.get("missing", ())]
        if missing:
            raise MissingInputsError(response["reason"], missing)
        raise ReplayRefusedError(response["reason"])
    if response["status"] == "failed":
        raise ReplayFailedError(f"the payload failed: {_one_line(response['reason'])} (log: {log_path})")
    return _outputs(job, response, log_path)


def _run(command: Sequence[str], variables: Mapping[str, str], log_path: str) -> int:
    """Run the worker and return its exit status."""
    with open(log_path, "wb") as log:
        try:
            process = subprocess.Popen(command, env=dict(variables), stdout=log, stderr=log)
        except (OSError, ValueError) as err:
            raise ReplayRefusedError(f"the payload can't be started: {err}") from err
        with process:
            try:
                return process.wait()
            except KeyboardInterrupt:
                process.send_signal(signal.SIGINT)
                process.wait()  # it takes back what is half made in the user's repository
                raise


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _MAX_REASON else f"{line[:_MAX_REASON]}…"


def _request(job: CapturedQuantum, destination: Destination) -> dict[str, object]:
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


def _response(path: str, status: int, log_path: str) -> dict[str, Any]:
    try:
        with open(path, encoding="utf-8") as stream:
            found = json.load(stream)
    except (OSError, ValueError):
        with open(log_path, encoding="utf-8", errors="replace") as log:
            last = _one_line(" / ".join(line.strip() for line in log.readlines()[-_LOG_LINES:]))
        how = f"signal {-status}" if status < 0 else f"exit status {status}"
        raise ReplayFailedError(f"the payload died without an answer ({how}): {last} (log: {log_path})") from None
    return dict(found)


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
