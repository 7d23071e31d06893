# SPDX-License-Identifier: Apache-2.0
"""The report that continuous integration reads: JUnit XML, a suite for each task, a case for each quantum.

A quantum that differs is a failure, one without a verdict an error, one that was not judged yet is skipped. The form is
the one that Jenkins' and GitLab's readers share (the ``junit-10.xsd`` of the xUnit plugin of Jenkins).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from xml.etree import ElementTree

from envcap.printable import printable

from ...comparators.policy import Verdict
from ..entry import Entry
from .commands import commands_of
from .data import ReportData, Waiting
from .documents import seconds_of, verdict_of
from .ranking import Ranked

__all__ = ("junit_document",)

_LINES = 40


def junit_document(data: ReportData) -> str:
    """Return a campaign's report as JUnit XML."""
    judged: dict[str, list[Ranked]] = defaultdict(list)
    waiting: dict[str, list[Waiting]] = defaultdict(list)
    for entry in data.entries:
        judged[entry.task].append(Ranked(entry, verdict_of(entry)))
    for one in data.waiting:
        waiting[one.task].append(one)
    suites = [_suite(task, judged[task], waiting[task]) for task in sorted({*judged, *waiting})]
    totals = {name: str(sum(int(suite.attrib[name]) for suite in suites)) for name in _COUNTED[:3]}
    seconds = sum(seconds_of(entry) for entry in data.entries)
    root = ElementTree.Element("testsuites", {"name": _text(data.name), **totals, "time": f"{seconds:.3f}"})
    root.extend(suites)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


_COUNTED = ("tests", "failures", "errors", "skipped")
"""What is counted of a suite; of all suites together, all but the last."""


def _suite(task: str, judged: Sequence[Ranked], waiting: Sequence[Waiting]) -> ElementTree.Element:
    failures = sum(one.verdict is Verdict.DIFFERENT for one in judged)
    errors = sum(one.verdict is Verdict.FAILED for one in judged)
    counts = zip(_COUNTED, (len(judged) + len(waiting), failures, errors, len(waiting)), strict=True)
    seconds = sum(seconds_of(one.entry) for one in judged)
    suite = ElementTree.Element("testsuite", {"name": _text(task), **{name: str(number) for name, number in counts}})
    suite.set("time", f"{seconds:.3f}")
    suite.extend(_case(one) for one in judged)
    for one in waiting:
        case = _named(one, 0.0)
        ElementTree.SubElement(case, "skipped", {"message": "not judged yet"})
        suite.append(case)
    return suite


def _case(one: Ranked) -> ElementTree.Element:
    case = _named(one.entry, seconds_of(one.entry))
    if one.verdict in (Verdict.DIFFERENT, Verdict.FAILED):
        name, kind = ("failure", str(one.verdict)) if one.verdict is Verdict.DIFFERENT else ("error", "failed")
        told = {"type": _text(one.entry.error_type or kind), "message": _text(one.summary or kind)}
        lines = [f"{output.dataset_type} / {leaf}" for output, leaf in one.leaves[:_LINES]]
        lines += [f"and {len(one.leaves) - _LINES} more"] if len(one.leaves) > _LINES else []
        ElementTree.SubElement(case, name, told).text = "\n".join(map(_text, [*lines, *commands_of(one.entry)]))
    return case


def _named(one: Entry | Waiting, seconds: float) -> ElementTree.Element:
    # Two quanta may be called the same; the cases of a suite may not.
    name = f"{one.name} [{one.quantum}]"
    return ElementTree.Element(
        "testcase", {"classname": _text(one.task), "name": _text(name), "time": f"{seconds:.3f}"}
    )


def _text(text: str) -> str:
    """Return a text without the characters that XML 1.0 has no way to write; what can't be seen is told by its code."""
    return printable(text, "")
