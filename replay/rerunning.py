# SPDX-License-Identifier: Apache-2.0
"""Re-run captured jobs: plan, rebuild, execute, compare, and put the verdicts into the store."""

from __future__ import annotations

import shutil
from collections.abc import Generator, Iterable

from envcap.errors import EnvcapError
from envcap.hooks.attempt import open_journal

from .errors import BuildError, ReplayFailedError, ReplayRefusedError
from .jobs.base import CapturedJob
from .options import ANOTHER_PLACE, Options
from .planning import KnownLayers, Plan
from .progress import Progress
from .session import ReplaySession
from .verdict import ReplayVerdict

__all__ = ("Options", "rerun", "rerun_all")

_LITTLE_ROOM = 1 << 20
_MAX_CAUSE = 120


def rerun(job: CapturedJob, options: Options, progress: Progress) -> ReplayVerdict:
    """Re-run a job and return the verdict, which is in the store then.

    Raises
    ------
    EnvcapError
        With the exit code that DESIGN section 5 gives the reason.
    """
    ((_, found),) = rerun_all([job], options, progress)
    if isinstance(found, EnvcapError):
        raise found
    return found


def rerun_all(
    jobs: Iterable[CapturedJob], options: Options, progress: Progress
) -> Generator[tuple[CapturedJob, ReplayVerdict | EnvcapError], None, None]:
    """Re-run jobs in one session, and yield for each the verdict, or why there is none.

    Jobs of one environment share it: it is rebuilt once, and imports its stack once.
    """
    session: ReplaySession | None = None
    known: KnownLayers = {}
    try:
        for job in jobs:
            progress.begin()
            try:
                job.science_outputs()  # refuses a job that left nothing to judge by
                for dataset_type in job.output_types() if options.policy.files else ():
                    options.policy.for_dataset(dataset_type)  # refuses two policies for one
                plan = options.plan(job, known)
                plan.check(options.require)
                if session is None:
                    journal = open_journal(job.store)[0]
                    session = ReplaySession(journal, options, progress)
                verdict = _run(session, plan)
            except EnvcapError as err:
                yield job, err
            else:
                yield job, verdict
    finally:
        if session is not None:
            session.tidy()
            journal.close()


def _run(session: ReplaySession, plan: Plan) -> ReplayVerdict:
    """Run one plan; whoever fails for want of room says so."""
    try:
        return session.run(plan)
    except OSError as err:
        raise BuildError(f"{err.filename or session.folder}: {err.strerror or err}; {ANOTHER_PLACE}") from err
    except (BuildError, ReplayRefusedError, ReplayFailedError) as err:
        if shutil.disk_usage(session.folder).free < _LITTLE_ROOM:
            session.drop()
            # Whoever fails for want of room has words of its own for it, if any.
            raise BuildError(f"{session.folder}: no space is left; {ANOTHER_PLACE} ({str(err)[:_MAX_CAUSE]})") from err
        raise
