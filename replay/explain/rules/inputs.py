# SPDX-License-Identifier: Apache-2.0
"""The inputs. Other bytes matter; another UUID with the same bytes does not."""

from __future__ import annotations

from pathlib import Path

from envcap.model.result import FileRecord

from ...comparators.base import ComparisonError
from ...comparators.files import compare_files
from ...comparators.policy import NEW_RUN, Verdict
from ...jobs.base import CapturedJob
from ..facts import Facts
from .base import Raw, Rule, Weight, by_size

__all__ = ("InputRule",)


class InputRule(Rule):
    """Weighs datasets by their content, as far as it is known."""

    layers = ("inputs",)

    def weigh(self, raw: Raw, facts: Facts) -> Weight:
        """Weigh an input, or the order of some."""
        files = [_file(job, uuid) for job, uuid in ((facts.a, raw.before), (facts.b, raw.after))]
        if _are_alike(files[0], files[1]):
            return Weight(5, ("another dataset, but with the same content",))
        if raw.name.startswith("order of "):
            return by_size(35, 70, facts)
        score, evidence = by_size(85, 60, facts)
        return Weight(score, (*evidence, "its content is another") if None not in files else evidence)


def _file(job: CapturedJob, dataset: str) -> FileRecord | None:
    entries = job.attempt.result.inputs if job.attempt.result else ()
    return next((one.file for one in entries if one.dataset == dataset), None)


def _are_alike(a: FileRecord | None, b: FileRecord | None) -> bool:
    """Whether two files have the same content, but for what the middleware says in them of the run that made them."""
    if a is None or b is None:
        return False
    if a.digest is not None and a.digest == b.digest:
        return True
    places = [Path((one.uri or "").removeprefix("file://")) for one in (a, b)]
    try:
        return compare_files(places[0], places[1], NEW_RUN).verdict in (Verdict.IDENTICAL, Verdict.EQUAL)
    except ComparisonError:
        return False  # what can't be read can't be excused
