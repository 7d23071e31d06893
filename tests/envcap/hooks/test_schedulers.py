# SPDX-License-Identifier: Apache-2.0
"""What batch systems call a job: captured, absent, and from a file that is no such thing."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from envcap.hooks.schedulers import scheduler_facts
from envcap.store.index import Attempt

Run = Callable[..., "subprocess.CompletedProcess[str]"]

AD = """\
Args = "reduce.py --night 12"
ClusterId = 4711
Cmd = "/usr/bin/python3"
DAGNodeName = "calibrate_7"
GlobalJobId = "submit.example.org#4711.3#1764144000"
JobBatchName = "u_me_DRP_20261126"
NumJobStarts = 2
ProcId = 3
RemoteHost = "slot1_2@worker17.example.org"
Requirements = (TARGET.Arch == "X86_64") && (ClusterId == 1)
"""


def test_without_one_there_is_none() -> None:
    assert scheduler_facts({"HOME": "/home/me", "SLURM_JOB_ID": ""}) is None


def test_slurm() -> None:
    environ = {"SLURM_JOB_ID": "45", "SLURM_ARRAY_JOB_ID": "42", "SLURM_ARRAY_TASK_ID": "3", "SLURM_RESTART_COUNT": "1"}
    assert scheduler_facts({**environ, "SLURM_CONF": "/etc/slurm.conf"}) == {
        "slurm.job_id": "45", "slurm.array_job_id": "42", "slurm.array_task_id": "3", "slurm.restarts": "1",
    }  # fmt: skip


def test_htcondor(tmp_path: Path) -> None:
    (ad := tmp_path / ".job.ad").write_text(AD)
    assert scheduler_facts({"_CONDOR_JOB_AD": str(ad)}) == {
        "htcondor.cluster_id": "4711",
        "htcondor.node_name": "calibrate_7",
        "htcondor.global_job_id": "submit.example.org#4711.3#1764144000",
        "htcondor.batch_name": "u_me_DRP_20261126",
        "htcondor.starts": "2",
        "htcondor.proc_id": "3",
        "htcondor.slot": "slot1_2@worker17.example.org",
    }


def test_a_pilot_of_panda_in_a_slot_of_htcondor(tmp_path: Path) -> None:
    (ad := tmp_path / "ad").write_text("ClusterId = 1\n")
    environ = {"PANDAID": "5564946734", "PandaID": "unknown", "PanDA_TaskID": "77", "PanDA_AttemptNr": "2"}
    assert scheduler_facts({**environ, "_CONDOR_JOB_AD": str(ad)}) == {
        "panda.job_id": "5564946734", "panda.task_id": "77", "panda.attempt": "2", "htcondor.cluster_id": "1",
    }  # fmt: skip


@pytest.mark.parametrize("label", ["ENVCAP_BPS_LABEL", "ENVCAP_BPS_TASK"])
def test_what_bps_calls_a_job(label: str) -> None:
    environ = {"ENVCAP_BPS_RUN": "u_me_1", "ENVCAP_BPS_JOB": "q_isr_1", label: "isr", "PANDAID": "5"}
    assert scheduler_facts(environ) == {
        "panda.job_id": "5",
        "bps.run": "u_me_1",
        "bps.job": "q_isr_1",
        "bps.label": "isr",
    }


def test_htcondors_ad_has_the_name_that_an_older_bps_does_not_tell(tmp_path: Path) -> None:
    (ad := tmp_path / "ad").write_text('ClusterId = 1\nbps_job_name = "q_isr_1"\nbps_job_label = "isr"\n')
    assert scheduler_facts({"_CONDOR_JOB_AD": str(ad), "ENVCAP_BPS_RUN": "u_me_1", "ENVCAP_BPS_JOB": ""}) == {
        "htcondor.cluster_id": "1", "bps.run": "u_me_1", "bps.job": "q_isr_1", "bps.label": "isr",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("output", "errors", "environ", "name"),
    [
        ("q_isr_1.stdout", "q_isr_1.stderr", {"ENVCAP_BPS_RUN": "u_me_1"}, "q_isr_1"),
        ("q_isr_1.stdout", "q_isr_1.stderr", {"ENVCAP_BPS_RUN": "u_me_1", "ENVCAP_BPS_JOB": "told"}, "told"),
        ("q_isr_1.stdout", "q_isr_2.stderr", {"ENVCAP_BPS_RUN": "u_me_1"}, None),
        ("q_isr_1.out", "q_isr_1.stderr", {"ENVCAP_BPS_RUN": "u_me_1"}, None),
        ("q_isr_1.stdout", "q_isr_1.stderr", {}, None),
    ],
)
def test_the_files_that_parsl_gives_a_job_of_bps_name_it(
    envcap: Run,
    last: Callable[[], Attempt],
    work: Path,
    output: str,
    errors: str,
    environ: dict[str, str],
    name: str | None,
) -> None:
    with open(work / output, "wb") as out, open(work / errors, "wb") as err:
        assert envcap("run", "--", "true", env=environ, stdout=out, stderr=err).returncode == 0
    manifest = last().manifest
    assert (manifest.job.scheduler or {}).get("bps.job") == name
    assert manifest.job_id == (name or manifest.attempt)


def test_a_job_id_of_the_submitters_own_wins(envcap: Run, last: Callable[[], Attempt]) -> None:
    environ = {"ENVCAP_BPS_RUN": "u_me_1", "ENVCAP_BPS_JOB": "q_isr_1"}
    assert envcap("run", "--job-id", "mine", "--", "true", env=environ).returncode == 0
    assert last().manifest.job_id == "mine"


@pytest.mark.parametrize("kind", ["gone", "a pipe", "a directory", "endless"])
def test_an_ad_that_can_not_be_read_hides_nothing_else(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "ad"
    if kind == "a pipe":
        os.mkfifo(path)
    elif kind == "a directory":
        path.mkdir()
    elif kind == "endless":
        with open(path, "wb") as stream:
            stream.truncate(1 << 30)
    found = scheduler_facts({"SLURM_JOB_ID": "1", "_CONDOR_JOB_AD": str(path)})
    assert found is not None
    assert found.pop("htcondor.unknown")
    assert found == {"slurm.job_id": "1"}


def test_a_job_is_shown_with_it_and_its_recipe_is_the_same_without(envcap: Run) -> None:
    recipes = []
    for number in ("7", "8"):
        environ = {"SLURM_JOB_ID": number, "SLURM_JOB_NAME": "https://me:hunter2hunter2@host/x"}
        assert envcap("run", "--", "true", env=environ).returncode == 0
        shown = json.loads(envcap("show", "@last", "--json").stdout)
        assert shown["manifest"]["job"]["scheduler"]["slurm.job_id"] == number
        assert "hunter2" not in json.dumps(shown)
        recipes.append(shown["manifest"]["recipe"]["digest"])
    assert recipes[0] == recipes[1]
    assert "slurm job id" in envcap("show", "@last").stdout
