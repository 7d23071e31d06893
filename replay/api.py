# SPDX-License-Identifier: Apache-2.0
"""`replay.plan`, `rerun`, `compare`, `explain` and `bisect`: what the commands do, for notebooks and scripts."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from envcap.store.index import Attempt, Index
from envcap.store.local import LocalStore
from envcap.store.opened import existing_store
from envcap.store.selector import resolve

from .comparators.files import FileComparison, compare_files
from .comparators.policies import EXACT, Policies
from .comparators.policy import Policy
from .explain.bisecting import bisect_jobs
from .explain.bisection import Bisection
from .explain.explanation import Explanation
from .explain.explanation import explain as _explain
from .explain.telling import silent, teller
from .fidelity import Fidelity
from .jobs.base import CapturedJob
from .jobs.registry import captured_job
from .planning import Plan, make_plan
from .progress import Progress
from .rerunning import Options
from .rerunning import rerun as _rerun
from .verdict import ReplayVerdict

__all__ = ("bisect", "compare", "explain", "plan", "rerun")


def plan(
    job: str | Attempt,
    *,
    engine: str = "auto",
    code: str = "captured",
    trust: bool = False,
    pin_math: bool = False,
    secrets: Mapping[str, str] | None = None,
    store: str | None = None,
) -> Plan:
    """Say what a replay of a job would reach, layer by layer. Nothing is built, run or written.

    Parameters
    ----------
    job : `str` or `Attempt`
        A selector (an id, a digest, the path of an output, ``@last``), or what `envcap.find` returned.
    engine : `str`
        ``auto``, ``venv`` or ``host``.
    code : `str`
        ``captured``, or ``current`` for today's code.
    trust : `bool`
        Take a manifest that nobody whom you know vouches for.
    pin_math : `bool`
        Pin BLAS's kernel, threads, and the dispatch of NumPy and glibc to what was in effect in the job.
    secrets : mapping, optional
        Values that were scrubbed, by the name of the variable or the path of the configuration's field.
    store : `str`, optional
        The store's directory; by default ``ENVCAP_STORE``, else the user's own.

    Raises
    ------
    EnvcapError
        If there is no such job, or it can't be replayed at all.

    Examples
    --------
    >>> import replay
    >>> replay.plan("coadd.fits").layers  # doctest: +SKIP
    """
    return make_plan(_captured(job, secrets, store), engine, code, trust=trust, pin_math=pin_math)


def rerun(
    job: str | Attempt,
    *,
    engine: str = "auto",
    code: str = "captured",
    require: str = "substituted",
    policy: str | Policy | Policies = EXACT,
    recursive: bool = False,
    new_run: str | None = None,
    repository: str | None = None,
    trust: bool = False,
    pin_math: bool = False,
    secrets: Mapping[str, str] | None = None,
    store: str | None = None,
    quiet: bool = False,
) -> ReplayVerdict:
    """Rebuild a job's environment, run it again, compare its outputs and return the verdict.

    Parameters
    ----------
    job, engine, code, trust, pin_math, secrets, store
        As for `plan`. The path of a file, which may be a renamed one, is what gets judged.
    require : `str`
        Refuse a layer below ``exact``, ``rebuilt`` or ``substituted``.
    policy : `str`, `Policy` or `Policies`
        What may differ; the path of a TOML file, or of a directory of them.
    recursive : `bool`
        Make inputs that are gone again first.
    new_run : `str`, optional
        Write to this new RUN of the user's repository instead of an isolated one.
    repository : `str`, optional
        Where the repository is now, if not where the job found it.
    quiet : `bool`
        Say nothing of the steps on stderr.

    Raises
    ------
    EnvcapError
        If the replay is refused, or its payload fails.
    """
    found = _captured(job, secrets, store)
    given: dict[str, str] = {}
    if isinstance(job, str) and os.path.isfile(path := job.removeprefix("path:")):
        given = _given(found, path)
    options = Options(
        engine=engine,
        code=code,
        require=Fidelity[require.upper()],
        policy=Policies.of(policy),
        repository=repository,
        new_run=new_run,
        recursive=recursive,
        trust=trust,
        given=given,
        pin_math=pin_math,
    )
    return _rerun(found, options, Progress(quiet=quiet))


def compare(a: str, b: str, *, policy: str | Policy | Policies = EXACT, new_run: bool = False) -> FileComparison:
    """Compare two files and judge the differences.

    Parameters
    ----------
    a, b : `str`
        Paths of FITS, Parquet, Arrow, ECSV, HDF5, NumPy, JSON, YAML, text or other files.
    policy : `str`, `Policy` or `Policies`
        What may differ; the path of a TOML file, or of a directory of them.
    new_run : `bool`
        The second is in another RUN: new UUIDs are no difference.

    Raises
    ------
    EnvcapError
        If one of them can't be read.
    """
    judge = Policies.of(policy).for_files()
    return compare_files(Path(a), Path(b), judge.for_new_run() if new_run else judge)


def explain(
    a: str | Attempt, b: str | Attempt, *, policy: str | Policy | Policies = EXACT, store: str | None = None
) -> Explanation:
    """Say why the outputs of two jobs differ: the suspects, the likeliest first. Nothing is re-run.

    Parameters
    ----------
    a, b : `str` or `Attempt`
        Selectors, or what `envcap.find` returned. A replay may be one of them.
    policy : `str` or `Policy`
        What may differ; the path of a TOML file.
    store : `str`, optional
        The store's directory; by default ``ENVCAP_STORE``, else the user's own.

    Raises
    ------
    EnvcapError
        If there is no such job, or one of them left no outputs.

    Examples
    --------
    >>> import replay
    >>> replay.explain("coadd-yesterday.fits", "coadd-today.fits").suspects[0].title  # doctest: +SKIP
    """
    first, second = (_captured(one, None, store, replays=True) for one in (a, b))
    return _explain(first, second, Policies.of(policy))


def bisect(
    a: str | Attempt,
    b: str | Attempt,
    *,
    engine: str = "auto",
    policy: str | Policy | Policies = EXACT,
    trust: bool = False,
    secrets: Mapping[str, str] | None = None,
    store: str | None = None,
    quiet: bool = False,
) -> Bisection:
    """Find by trying the smallest set of changes that turns the outputs of one job into those of another.

    What was tried is logged: a bisection that was interrupted goes on where it was.

    Parameters
    ----------
    a, b, store
        As for `explain`.
    engine, policy, trust, secrets
        As for `rerun`.
    quiet : `bool`
        Say nothing of the trials on stderr.

    Raises
    ------
    EnvcapError
        If one of the two can't be re-run.

    Examples
    --------
    >>> import replay
    >>> replay.bisect("coadd-yesterday.fits", "coadd-today.fits").cause  # doctest: +SKIP
    """
    first, second = (_captured(one, secrets, store, replays=True) for one in (a, b))
    options = Options(engine=engine, policy=Policies.of(policy), trust=trust)
    return bisect_jobs(first, second, options, silent if quiet else teller())


def _captured(
    job: str | Attempt, secrets: Mapping[str, str] | None, store: str | None, *, replays: bool = False
) -> CapturedJob:
    known = job.store if isinstance(job, Attempt) and store is None else None
    index = Index(known if isinstance(known, LocalStore) else existing_store(store))
    return captured_job(index, job if isinstance(job, Attempt) else resolve(index, job, replays=replays), secrets)


def _given(job: CapturedJob, path: str) -> dict[str, str]:
    """Return a file that the user handed in by the UUID of the output that it is."""
    from envcap.digest import digest_of_file

    digest, _ = digest_of_file(path)
    full = os.path.abspath(path)
    for output in job.attempt.result.outputs if job.attempt.result else ():
        if output.dataset and (output.file.digest == digest or output.file.uri == f"file://{full}"):
            return {output.dataset: full}
    return {}
