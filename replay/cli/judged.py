# SPDX-License-Identifier: Apache-2.0
"""What `replay run` and `rerun-dataset` share: re-run, show the verdict, return the exit status."""

from __future__ import annotations

from envcap.cli.console import console
from envcap.cli.dispatch import print_json

from ..comparators.policy import Verdict
from ..jobs.base import CapturedJob
from ..present import print_verdict
from ..progress import Progress
from ..rerunning import Options, rerun

__all__ = ("exit_status", "run_and_judge")


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
