# SPDX-License-Identifier: Apache-2.0
"""What `replay run` and `rerun-dataset` share: re-run, show the verdicts, return the exit status."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing

from envcap.cli.console import console
from envcap.cli.dispatch import print_json
from envcap.errors import EnvcapError

from ..comparators.policy import Verdict
from ..jobs.base import CapturedJob
from ..present import print_verdict
from ..progress import Progress
from ..rerunning import Options, rerun, rerun_all

__all__ = ("exit_status", "run_all_and_judge", "run_and_judge")


def exit_status(verdict: Verdict) -> int:
    """Return the exit status that stands for a verdict (DESIGN section 5)."""
    return {Verdict.DIFFERENT: 1, Verdict.FAILED: 4}.get(verdict, 0)


def run_and_judge(job: CapturedJob, options: Options, *, as_json: bool) -> int:
    """Re-run a job, print the verdict and return the exit status."""
    out = console(stderr=as_json)
    if not as_json:
        out.print(f"re-running [bold]{job.manifest.job.name}[/bold]", markup=True)
    verdict = rerun(job, options, Progress(quiet=as_json))
    if as_json:
        print_json(verdict.to_json())
    else:
        print_verdict(out, verdict)
    return exit_status(verdict.verdict)


def run_all_and_judge(jobs: Sequence[CapturedJob], options: Options, *, as_json: bool) -> int:
    """Re-run jobs in one session, print a line for each, and return the worst exit status."""
    out, errors = console(stderr=False), console()
    status = 0
    documents: list[object] = []
    with closing(rerun_all(jobs, options, Progress(quiet=True))) as found:
        for number, (job, verdict) in enumerate(found, 1):
            name = job.manifest.job.name
            if isinstance(verdict, EnvcapError):
                status = max(status, verdict.exit_code)
                documents.append({"replay_of": job.manifest.attempt, "error": str(verdict), "type": verdict.error_type})
                errors.print(f"replay run: {name}: {verdict}", markup=False)
                continue
            status = max(status, exit_status(verdict.verdict))
            documents.append(verdict.to_json())
            if not as_json:
                out.print(f"{number}/{len(jobs)} {verdict.verdict} {name}", markup=False)
    if as_json:
        print_json({"verdicts": documents})
    return status
