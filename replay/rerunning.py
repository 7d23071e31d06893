# SPDX-License-Identifier: Apache-2.0
"""Re-run captured jobs: plan, rebuild, execute, compare, and put the verdicts into the store."""

from __future__ import annotations

import shutil
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager

from envcap.errors import EnvcapError
from envcap.hooks.attempt import open_journal
from envcap.store.journal import Journal

from .errors import BuildError, ReplayFailedError, ReplayRefusedError
from .fidelity import Fidelity
from .jobs.base import CapturedJob
from .layers import manifest_layer
from .options import ANOTHER_PLACE, Options
from .planning import KnownLayers
from .progress import Progress
from .session import ReplaySession
from .under_way import Executed, Started
from .verdict import ReplayVerdict

__all__ = ("Options", "Replays", "rerun", "rerun_all")

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
    jobs: Sequence[CapturedJob], options: Options, progress: Progress
) -> Generator[tuple[CapturedJob, ReplayVerdict | EnvcapError], None, None]:
    """Re-run jobs in one session, and yield for each the verdict, or why there is none.

    Jobs of one environment share it: it is rebuilt once, and imports its stack once.
    """
    with closing(Replays(options, progress)) as replays:
        replays.expect(jobs)
        for job in jobs:
            try:
                verdict = replays.judge(replays.finish(replays.start(job)))
            except EnvcapError as err:
                yield job, err
            else:
                yield job, verdict


class Replays:
    """A session of replays, which its first job begins.

    Parameters
    ----------
    options : `Options`
    progress : `Progress`
    """

    def __init__(self, options: Options, progress: Progress) -> None:
        self._options = options
        self._progress = progress
        self._known: KnownLayers = {}
        self._session: ReplaySession | None = None
        self._journal: Journal | None = None
        self._expected: list[CapturedJob] = []

    def expect(self, jobs: Iterable[CapturedJob]) -> None:
        """Say which jobs are to come: a server that sees the inputs of all of them serves them all.

        Of those that nobody vouches for it sees nothing.
        """
        self._expected = [job for job in jobs if job.origin is None and self._is_vouched_for(job)]
        if self._session is not None:
            self._session.expect(self._expected)

    def start(self, job: CapturedJob) -> Started:
        """Plan a job and begin to run it; another one may be under way.

        Raises
        ------
        EnvcapError
            With the exit code that DESIGN section 5 gives the reason.
        """
        options = self._options
        job.science_outputs()  # refuses a job that left nothing to judge by
        for dataset_type in job.output_types() if options.policy.files else ():
            options.policy.for_dataset(dataset_type)  # refuses two policies for one
        plan = options.plan(job, self._known)
        plan.check(options.require)
        if self._session is None:
            self._journal = open_journal(job.store)[0]
            self._session = ReplaySession(self._journal, options, self._progress)
            self._session.expect(self._expected)
        with _room(self._session):
            return self._session.start(plan)

    def finish(self, started: Started) -> Executed:
        """Wait until a job has run; jobs are to be waited for in the order in which they were started.

        Raises
        ------
        EnvcapError
            As `start`.
        """
        assert self._session is not None
        with _room(self._session):
            return self._session.finish(started)

    def judge(self, executed: Executed) -> ReplayVerdict:
        """Judge what `finish` returned, in whatever thread; the verdict is in the store then.

        Raises
        ------
        EnvcapError
            As `start`.
        """
        assert self._session is not None
        with _room(self._session):
            return self._session.judge(executed)

    def _is_vouched_for(self, job: CapturedJob) -> bool:
        try:
            return manifest_layer(job, self._options.trust).fidelity is not Fidelity.IMPOSSIBLE
        except (EnvcapError, OSError):
            return False  # why, is told when it is started

    def close(self) -> None:
        """End the session."""
        if self._session is not None:
            self._session.tidy()
        if self._journal is not None:
            self._journal.close()


@contextmanager
def _room(session: ReplaySession) -> Iterator[None]:
    """Let whoever fails for want of room say so."""
    try:
        yield
    except OSError as err:
        raise BuildError(f"{err.filename or session.folder}: {err.strerror or err}; {ANOTHER_PLACE}") from err
    except (BuildError, ReplayRefusedError, ReplayFailedError) as err:
        if shutil.disk_usage(session.folder).free < _LITTLE_ROOM:
            session.drop()
            # Whoever fails for want of room has words of its own for it, if any.
            raise BuildError(f"{session.folder}: no space is left; {ANOTHER_PLACE} ({str(err)[:_MAX_CAUSE]})") from err
        raise
