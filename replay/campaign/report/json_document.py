# SPDX-License-Identifier: Apache-2.0
"""The report that programs read: one JSON document.

Members, all of them always there::

    mediaType    "application/vnd.envcap.campaign-report.v1+json"
    name         of the campaign
    made         when, as RFC 3339
    description  [[name, value]]: what was asked for
    planned, judged, waiting   numbers of quanta; planned = judged + waiting
    verdicts     {verdict: number}: identical, equal, equivalent, different, failed
    passed       {equal, equivalent: {"count": number, "percentage": "99.2 %"}}: that verdict or better, of those
                 judged, rounded down
    tasks        the worst first: [{task, planned, waiting, verdicts, worst: attempt id or null}]
    suspects     the likeliest first: [{layer, name, before, after, quanta, likeliest, different, tasks: {task: number},
                 evidence: [[line, number]]}]
    fidelity     {fidelity: number}: of re-runs, each that of its least faithful layer
    layers       the least faithful first: [{layer, fidelity: {fidelity: number}, details: [[text, number]]}]
    failures     [{error_type, quanta, messages: [[text, number]]}]
    quanta       all that are not identical, the worst first: [{attempt, replay, quantum, task, name, environment, cpu,
                 node, verdict, fidelity, error, error_type, seconds, original_seconds, tries, summary, commands,
                 suspects, outputs}], where an output is {dataset_type, verdict, note, original, remade, differences}
                 with what was not excused as [{path, kind, detail, measures}]
    identical    attempt ids of the others
    unfinished   [{attempt, quantum, task, name}]

There are no floats: seconds and measures are decimal numbers as texts. What is unknown is null, or an empty text.
"""

from __future__ import annotations

from typing import Any

from envcap.ids import timestamp

from ...comparators.policy import Verdict
from .commands import commands_of
from .data import ReportData
from .documents import Output, replay_of, verdict_of
from .ranking import Ranked
from .summary import Summary, percentage, summarize
from .suspicion import suspects_of

__all__ = ("MEDIA_TYPE", "json_document")

MEDIA_TYPE = "application/vnd.envcap.campaign-report.v1+json"


def json_document(data: ReportData) -> dict[str, Any]:
    """Return a campaign's report as JSON."""
    summary = summarize(data)
    return {
        "mediaType": MEDIA_TYPE,
        "name": data.name,
        "made": timestamp(),
        "description": [list(pair) for pair in data.description],
        "planned": data.planned,
        "judged": summary.judged,
        "waiting": summary.waiting,
        "verdicts": _by_name(summary.counts),
        "passed": {str(one): _passed(summary, one) for one in (Verdict.EQUAL, Verdict.EQUIVALENT)},
        **_groups(summary),
        "quanta": [_quantum(one, data) for one in summary.ranked],
        "identical": [entry.attempt for entry in data.entries if verdict_of(entry) is Verdict.IDENTICAL],
        "unfinished": [
            {"attempt": one.attempt, "quantum": one.quantum, "task": one.task, "name": one.name} for one in data.waiting
        ],
    }


def _groups(summary: Summary) -> dict[str, Any]:
    return {
        "tasks": [
            {
                "task": row.label,
                "planned": row.planned,
                "waiting": row.waiting,
                "verdicts": _by_name(row.counts),
                "worst": row.worst[0].entry.attempt if row.worst else None,
            }
            for row in summary.tasks
        ],
        "suspects": [
            {
                "layer": one.layer,
                "name": one.name,
                "before": one.before,
                "after": one.after,
                "quanta": len(one.found),
                "likeliest": one.likeliest,
                "different": one.different,
                "tasks": dict(one.tasks.most_common()),
                "evidence": [list(pair) for pair in one.evidence],
            }
            for one in suspects_of(summary.ranked)
        ],
        "fidelity": dict(summary.fidelity),
        "layers": [
            {"layer": row.name, "fidelity": dict(row.counts), "details": [list(pair) for pair in row.details]}
            for row in summary.layers
        ],
        "failures": [
            {"error_type": one.error_type, "quanta": len(one.found), "messages": [list(pair) for pair in one.messages]}
            for one in summary.failures
        ],
    }


def _quantum(one: Ranked, data: ReportData) -> dict[str, Any]:
    entry = one.entry
    original = data.original_seconds.get(entry.attempt)
    return {
        "attempt": entry.attempt,
        "replay": replay_of(entry) or None,
        "quantum": entry.quantum,
        "task": entry.task,
        "name": entry.name,
        "environment": entry.environment,
        "cpu": entry.cpu,
        "node": entry.node,
        "verdict": str(one.verdict),
        "fidelity": entry.fidelity,
        "error": entry.error,
        "error_type": entry.error_type,
        "seconds": entry.seconds,
        "original_seconds": None if original is None else f"{original:.3f}",
        "tries": entry.tries,
        "summary": one.summary,
        "commands": commands_of(entry),
        "suspects": [suspect.to_json() for suspect in one.suspects],
        "outputs": [_output(output) for output in one.outputs],
    }


def _output(output: Output) -> dict[str, Any]:
    return {
        "dataset_type": output.dataset_type,
        "verdict": output.verdict,
        "note": output.note,
        "original": output.original,
        "remade": output.remade,
        "differences": [
            {"path": list(leaf.path), "kind": leaf.kind, "detail": leaf.detail, "measures": dict(leaf.measures)}
            for leaf in (*output.significant, *output.tolerated)
        ],
    }


def _passed(summary: Summary, verdict: Verdict) -> dict[str, Any]:
    count = summary.passed(verdict)
    return {"count": count, "percentage": percentage(count, summary.judged)}


def _by_name(counts: Any) -> dict[str, int]:
    return {str(name): number for name, number in counts.items()}
