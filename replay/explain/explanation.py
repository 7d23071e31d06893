# SPDX-License-Identifier: Apache-2.0
"""Why two attempts differ, as far as what is on record tells: how their outputs differ, and the suspects."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from envcap import html
from envcap.model.result import Output
from envcap.printable import printable

from ..comparators.base import ComparisonError
from ..comparators.difference import Leaf
from ..comparators.files import FileComparison, compare_files
from ..comparators.policies import Policies
from ..comparators.policy import Policy
from ..jobs.base import CapturedJob
from .pairs import as_captured, output_path, outputs_by_name, type_of
from .suspect import Suspect
from .suspects import suspects

__all__ = ("ComparedOutput", "Explanation", "explain")

_SHOWN = 12


@dataclass(frozen=True)
class ComparedOutput:
    """One output of both.

    Attributes
    ----------
    name : `str`
    differs : `bool` or `None`
        Whether they differ in what matters; `None` if that can't be told.
    comparison : `FileComparison` or `None`
    unknown : `str`
        Why they could not be compared.
    """

    name: str
    differs: bool | None
    comparison: FileComparison | None
    unknown: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON."""
        comparison = self.comparison.to_json() if self.comparison else None
        return {"name": self.name, "differs": self.differs, "comparison": comparison, "unknown": self.unknown}


@dataclass(frozen=True, repr=False)
class Explanation:
    """Why two attempts differ.

    Attributes
    ----------
    a, b : `CapturedJob`
    outputs : sequence of `ComparedOutput`
    suspects : sequence of `Suspect`
        The likeliest first.
    """

    a: CapturedJob
    b: CapturedJob
    outputs: Sequence[ComparedOutput]
    suspects: Sequence[Suspect]

    @property
    def is_different(self) -> bool | None:
        """Whether an output differs; `None` if none is known to, and of one that can't be told."""
        told = [one.differs for one in self.outputs]
        return True if True in told else None if None in told else False

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "a": self.a.manifest.attempt,
            "b": self.b.manifest.attempt,
            "different": self.is_different,
            "outputs": [one.to_json() for one in self.outputs],
            "suspects": [one.to_json() for one in self.suspects],
        }

    def __repr__(self) -> str:
        first = self.suspects[0].title if self.suspects else "nothing"
        return printable(f"<why {self.a.manifest.attempt} and {self.b.manifest.attempt} differ: {first} first>", "")

    def _repr_html_(self) -> str:
        rows = [
            (str(number), one.title, one.before, one.after, "\n".join(one.evidence))
            for number, one in enumerate(self.suspects[:_SHOWN], 1)
        ]
        outputs = [(one.name, html.Badge(_verdict(one)), "\n".join(_lines(one))) for one in self.outputs]
        title = f"why {self.a.manifest.job.name} differs"
        return html.page(
            title,
            html.table(("output", "", ""), outputs),
            html.table(("", "suspect", "A", "B", "evidence"), rows),
        )


def explain(a: CapturedJob, b: CapturedJob, policy: Policies) -> Explanation:
    """Say why two attempts differ.

    Parameters
    ----------
    a, b : `CapturedJob`
    policy : `Policies`
        What may differ anyhow; new UUIDs and another RUN are taken for granted.
    """
    outputs = list(_compared(a, b, policy.for_new_run()))
    leaves: list[Leaf] = []
    for one in outputs:
        if one.comparison:
            leaves += (*one.comparison.judgement.significant, *one.comparison.judgement.tolerated)
    return Explanation(a, b, outputs, suspects(a, b, leaves))


def _compared(a: CapturedJob, b: CapturedJob, policy: Policies) -> Iterator[ComparedOutput]:
    own, theirs = outputs_by_name(a), outputs_by_name(b)
    for name, output in own.items():
        other = theirs.get(name)
        if other is None:
            yield ComparedOutput(name, True, None, "only the first made it")
        elif output.file.digest is not None and output.file.digest == other.file.digest:
            yield ComparedOutput(name, False, None, "both made the same bytes")
        else:
            yield _compared_files(name, output, other, policy.for_dataset(type_of(output)))
    yield from (ComparedOutput(name, True, None, "only the second made it") for name in theirs if name not in own)


def _compared_files(name: str, a: Output, b: Output, policy: Policy) -> ComparedOutput:
    paths = as_captured(a), as_captured(b)
    if paths[0] is None or paths[1] is None:
        gone = output_path(a if paths[0] is None else b)
        told = f"their bytes differ, but {gone} is gone, or not what the job wrote any more"
        return ComparedOutput(name, None, None, told)
    try:
        found = compare_files(paths[0], paths[1], policy)
    except ComparisonError as err:
        return ComparedOutput(name, None, None, str(err))
    return ComparedOutput(name, bool(found.judgement.significant or found.judgement.tolerated), found)


def _verdict(one: ComparedOutput) -> str:
    if one.comparison:
        return str(one.comparison.verdict)
    return {True: "different", False: "identical", None: "unknown"}[one.differs]


def _lines(one: ComparedOutput) -> Iterator[str]:
    return one.comparison.lines() if one.comparison else iter((one.unknown,))
