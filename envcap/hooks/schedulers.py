# SPDX-License-Identifier: Apache-2.0
"""The ids by which batch systems know a job, from the variables and files that they document.

A job may have several: a worker of Parsl in an allocation of Slurm, a pilot of PanDA in a slot of HTCondor. What BPS
calls it comes in variables that `envcap hook bps` puts before the command, since BPS itself exports nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

from ..collectors.bounded import read_bounded
from ..errors import EnvcapError

__all__ = ("scheduler_facts",)

_VARIABLES = {
    # sbatch(1) and srun(1), "OUTPUT ENVIRONMENT VARIABLES".
    "slurm": {
        "SLURM_CLUSTER_NAME": "cluster",
        "SLURM_JOB_ID": "job_id",
        "SLURM_ARRAY_JOB_ID": "array_job_id",
        "SLURM_ARRAY_TASK_ID": "array_task_id",
        "SLURM_STEP_ID": "step_id",
        "SLURM_PROCID": "task_id",
        "SLURM_RESTART_COUNT": "restarts",
        "SLURM_JOB_NAME": "job_name",
        "SLURM_JOB_PARTITION": "partition",
        "SLURMD_NODENAME": "node",
    },
    # PanDA's pilot exports them to its payload (pilot3, `pilot.user.*.setup`).
    "panda": {
        "PANDAID": "job_id",
        "PandaID": "job_id",
        "PanDA_TaskID": "task_id",
        "PanDA_AttemptNr": "attempt",
    },
    # Parsl's HighThroughputExecutor, "process_worker_pool".
    "parsl": {
        "PARSL_WORKER_BLOCK_ID": "block_id",
        "PARSL_WORKER_POOL_ID": "pool_id",
        "PARSL_WORKER_RANK": "worker",
    },
    # `envcap hook bps`. BPS before 30.2026.4300 knows a job's label by the second name only.
    "bps": {
        "ENVCAP_BPS_RUN": "run",
        "ENVCAP_BPS_JOB": "job",
        "ENVCAP_BPS_LABEL": "label",
        "ENVCAP_BPS_TASK": "label",
    },
}
# HTCondor's manual, "Services for Running Jobs": the file that a variable names is the job's ClassAd.
_CONDOR_AD = "_CONDOR_JOB_AD"
_CONDOR = {
    "GlobalJobId": "htcondor.global_job_id",
    "ClusterId": "htcondor.cluster_id",
    "ProcId": "htcondor.proc_id",
    "NumJobStarts": "htcondor.starts",
    "JobBatchName": "htcondor.batch_name",
    "DAGNodeName": "htcondor.node_name",
    "RemoteHost": "htcondor.slot",
    # ctrl_bps_htcondor, `prepare_utils`.
    "bps_job_name": "bps.job",
    "bps_job_label": "bps.label",
}
_MAX_AD = 1 << 20


def scheduler_facts(environ: Mapping[str, str]) -> dict[str, str] | None:
    """Return what batch systems call the job that a process runs in: e.g. ``{"slurm.job_id": "12"}``.

    `None` if none started it. A file that can't be read is said, and hides nothing else.
    """
    found: dict[str, str] = {}
    for scheduler, variables in _VARIABLES.items():
        for variable, fact in variables.items():
            if environ.get(variable):
                found.setdefault(f"{scheduler}.{fact}", environ[variable])
    if path := environ.get(_CONDOR_AD):
        try:
            found.update(_condor(read_bounded(path, _MAX_AD).decode("utf-8", "replace")))
        except (EnvcapError, OSError) as err:
            found["htcondor.unknown"] = str(err)
    if "bps.run" in found and "bps.job" not in found and (job := _named_by_its_output()):
        found["bps.job"] = job
    return found or None


def _named_by_its_output() -> str | None:
    """Return the name of this job of BPS where Parsl runs it: that of the files that its output goes to.

    BPS before 30.2026.4300 lets no command name its job, but ``lsst.ctrl.bps.parsl.job`` calls these files by it.
    """
    try:
        output, errors = (os.path.basename(os.readlink(f"/proc/self/fd/{number}")) for number in (1, 2))
    except OSError:
        return None
    name, dot, suffix = output.rpartition(".")
    return name if dot and suffix == "stdout" and errors == f"{name}.stderr" else None


def _condor(ad: str) -> Iterator[tuple[str, str]]:
    """Yield the facts of a ClassAd in the form of ``condor_q -long``: a name, an equals sign, an expression a line."""
    for line in ad.splitlines():
        name, equals, value = line.partition("=")
        fact = _CONDOR.get(name.strip())
        if fact is not None and equals:
            yield fact, value.strip().strip('"')
