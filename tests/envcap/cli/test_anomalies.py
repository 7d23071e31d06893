# SPDX-License-Identifier: Apache-2.0
"""`envcap anomalies`: one node with another microcode, a stray library, and something else that came of the same."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from envcap.environment import Environment
from envcap.hooks import attempt as writing
from envcap.hooks.attempt import AttemptWriter
from envcap.model.components import Hardware, LoadedLibraries, LoadedLibrary, RubinQuantum
from envcap.model.manifest import DatasetGroup, Job, Writer
from envcap.model.result import FileRecord, Output
from envcap.store.journal import Journal
from envcap.store.keeper import Keeper
from envcap.store.local import LocalStore
from envcap.store.state import this_process
from envcap.target import Target

Run = Callable[..., "subprocess.CompletedProcess[str]"]
Quantum = Callable[..., str]
RUN = "u/me/night"
SAME = "sha256:" + "a" * 64
UUID = "01a219eb-1f33-7480-9dd8-b2c54e310295"


@pytest.fixture
def add_quantum(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> Quantum:
    """Give a function that writes one quantum, on some node."""

    def add(
        label: str = "isr", *, host: str = "node1", microcode: str = "0x1", libraries: tuple[str, ...] = ("libm.so.6",),
        output: str = SAME, run: str = RUN, exposure: str = "1",
    ) -> str:  # fmt: skip
        keeper = Keeper(store)
        environment = Environment(Target.none({}))
        hardware = Hardware(kernel="6.1", cpu_flags=[], logical_cpus=2, microcode=microcode)
        environment.host["hardware"] = keeper.document(hardware)
        monkeypatch.setattr(writing, "this_process", lambda: Writer.checked({**this_process().data, "host": host}))
        work = RubinQuantum(
            task_class="a.b.Task", label=label, data_id={"exposure": exposure}, inputs={}, init_inputs={}
        )
        group = DatasetGroup(dataset_type=f"{label}_image", run=run, dimensions=[], rows=[[UUID]])
        job = Job(kind="quantum", name=label, activator="test", argv=["x"], quantum=UUID, run=run, outputs=[group])
        journal = Journal(store.root)
        writer = AttemptWriter(journal, environment, work, job)
        writer.begin()
        loaded = LoadedLibraries(
            libraries=[LoadedLibrary(path=f"/usr/lib/{name}", sha256=SAME) for name in sorted(libraries)]
        )
        outputs = [
            Output(dataset=UUID, dataset_type=name, file=FileRecord(uri=f"file:///{name}", digest=digest, size=1))
            for name, digest in ((f"{label}_image", output), (f"{label}_log", f"sha256:{writer.attempt[-12:]:0>64}"))
        ]
        observed = {"loaded_libraries": keeper.document(loaded)}
        writer.end(status="ok", outputs=outputs, observed=observed)
        journal.close()
        assert keeper.failure is None
        return writer.attempt

    return add


@pytest.fixture
def anomalies(envcap: Run) -> Callable[..., dict[str, Any]]:
    """Give a function that returns what the command finds."""

    def found(run: str = RUN, status: int = 1) -> dict[str, Any]:
        done = envcap("anomalies", run, "--json")
        assert done.returncode == status, done.stderr
        return dict(json.loads(done.stdout))

    return found


def test_a_run_of_one_kind_has_none(
    database: str, add_quantum: Quantum, anomalies: Callable[..., dict[str, Any]], envcap: Run
) -> None:
    for number in range(4):
        add_quantum(exposure=str(number))
        add_quantum("warp", exposure=str(number), libraries=("libm.so.6", "libwarp.so"))
    found = anomalies(status=0)
    assert (found["jobs"], found["outliers"], found["disagreements"]) == (8, [], [])
    assert "8 jobs of u/me/night: 0 kinds of outliers, 0 disagreements" in envcap("anomalies", RUN).stdout


def test_one_node_with_another_microcode(
    add_quantum: Quantum, anomalies: Callable[..., dict[str, Any]], envcap: Run
) -> None:
    for number in range(4):
        for label in ("isr", "warp"):
            add_quantum(label, exposure=str(number))
    strange = [add_quantum(label, host="node7", microcode="0x2") for label in ("isr", "warp")]
    envcap("ingest")
    (found,) = anomalies()["outliers"]
    assert (found["kind"], found["task"], found["hosts"], found["others"]) == ("hardware", "", ["node7"], 8)
    assert sorted(found["attempts"]) == sorted(strange)
    assert found["changes"] == ["microcode: 0x1 → 0x2"]
    shown = envcap("anomalies", RUN)
    assert shown.returncode == 1
    assert "hardware: 2 jobs against 8" in shown.stdout
    assert "microcode: 0x1 → 0x2" in shown.stdout


def test_a_stray_library(add_quantum: Quantum, anomalies: Callable[..., dict[str, Any]]) -> None:
    for number in range(3):
        add_quantum(exposure=str(number))
    strange = add_quantum(libraries=("libm.so.6", "libstray.so"))
    (found,) = anomalies()["outliers"]
    assert (found["kind"], found["task"], found["attempts"]) == ("loaded_libraries", "isr", [strange])
    assert all("libstray" in line for line in found["changes"])


def test_where_most_have_nothing_in_common_none_stands_out(
    add_quantum: Quantum, anomalies: Callable[..., dict[str, Any]]
) -> None:
    for number in range(4):
        add_quantum(exposure=str(number), microcode=f"0x{number % 2}")
    assert anomalies(status=0)["outliers"] == []


def test_the_same_on_which_something_else_came_out(
    database: str, add_quantum: Quantum, anomalies: Callable[..., dict[str, Any]], envcap: Run
) -> None:
    one = add_quantum(run="u/me/before")
    two = add_quantum(output="sha256:" + "b" * 64)
    add_quantum(exposure="2", output="sha256:" + "c" * 64)
    envcap("ingest")
    (found,) = anomalies()["disagreements"]
    assert (sorted(found["attempts"]), found["outputs"]) == ([one, two], ["isr_image"])
    assert "same content key, different outputs" in envcap("anomalies", RUN).stdout


def test_the_same_on_which_the_same_came_out_is_none(
    add_quantum: Quantum, anomalies: Callable[..., dict[str, Any]]
) -> None:
    for run in ("u/me/before", RUN):
        add_quantum(run=run)
    assert anomalies(status=0)["disagreements"] == []


def test_a_run_that_is_not_there_is_one_line(envcap: Run, add_quantum: Quantum) -> None:
    add_quantum()
    done = envcap("anomalies", "u/me/nothing")
    assert (done.returncode, done.stdout) == (1, "")
    assert "has no jobs of the RUN 'u/me/nothing'" in done.stderr
