# SPDX-License-Identifier: Apache-2.0
"""Bisecting two captured jobs: where its log is, and which changes are tried first."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from envcap.digest import canonical_json, digest_of
from envcap.memo import cache_dir

from ..errors import ReplayRefusedError
from ..fidelity import Fidelity
from ..jobs.base import CapturedJob
from ..layers import manifest_layer
from ..options import Options
from .bisection import Bisection, bisect
from .changes.base import Change
from .changes.registry import changes_between
from .explanation import explain
from .trial import Trial
from .trials import Trials

__all__ = ("bisect_jobs", "log_folder")


def bisect_jobs(
    a: CapturedJob, b: CapturedJob, options: Options, say: Callable[[Trial, Sequence[Change]], None]
) -> Bisection:
    """Find the least set of changes that turns the outputs of one job into those of another.

    What was tried by an earlier process, for the same two jobs, is taken from its log.

    Parameters
    ----------
    a, b : `CapturedJob`
    options : `Options`
    say : callable
        Is told of each trial, and of all changes.

    Raises
    ------
    EnvcapError
        If one of the two can't be re-run, or nobody vouches for it.
    """
    for job in (a, b):
        layer = manifest_layer(job, options.trust)
        if layer.fidelity is Fidelity.IMPOSSIBLE:
            raise ReplayRefusedError(f"{job.manifest.attempt}: {layer.name} is impossible: {layer.detail}")
        job.trusted = options.trust
    changes = changes_between(a, b)
    found = explain(a, b, options.policy).suspects
    numbers = {(change.layer, change.name): number for number, change in enumerate(changes)}
    likeliest = [numbers[key] for key in ((one.layer, one.name) for one in found) if key in numbers]
    with Trials(a, b, changes, log_folder(a, b, changes, options), options, lambda one: say(one, changes)) as trials:
        return bisect(trials, likeliest, options.policy)


def log_folder(a: CapturedJob, b: CapturedJob, changes: Sequence[Change], options: Options) -> str:
    """Return where the log of a bisection is: it is named by all that decides what a trial is."""
    what = {
        "a": a.manifest.attempt,
        "b": b.manifest.attempt,
        "changes": [change.to_json() for change in changes],
        "engine": options.engine,
        "policies": options.policy.digest,
        "base": options.engine_options.base,
    }
    return os.path.join(cache_dir(), "bisect", digest_of(canonical_json(what)).removeprefix("sha256:")[:32])
