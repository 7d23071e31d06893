# SPDX-License-Identifier: Apache-2.0
"""Show what a job ran: the work, its software and host, inputs, outputs, and how it ended.

Examples
--------
  envcap show @last
  envcap show dataset:0192f1c2-5a1e-7c8d-9e0f-112233445566
  envcap show coadd.fits --json
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from ..model.components import Command, RubinQuantum
from ..store.base import default_store
from ..store.index import Attempt, Index
from ..store.local import LocalStore
from ..store.selector import resolve
from .dispatch import add_json, add_store, print_json

__all__ = ("add_arguments", "document", "run", "sections")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument(
        "selector", metavar="SELECTOR", help="job:, attempt:, quantum:, dataset:, path:, sha256: or @last"
    )
    add_store(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the attempt."""
    index = Index(LocalStore.existing(arguments.store or default_store()))
    attempt = resolve(index, arguments.selector)
    if arguments.json:
        print_json(document(attempt))
        return 0
    from .console import console, section

    out = console(stderr=False)
    for title, rows in sections(attempt):
        out.print(section(title, rows))
    return 0


def document(attempt: Attempt) -> dict[str, object]:
    """Return an attempt's documents as JSON."""
    return {
        "state": attempt.state,
        "manifest": attempt.manifest.data,
        "recipe": attempt.recipe.data,
        "result": attempt.result.data if attempt.result else None,
    }


def sections(attempt: Attempt) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Yield the sections that people read, as title and rows."""
    manifest = attempt.manifest
    task = attempt.recipe.task
    yield (
        f"{manifest.job.kind} {manifest.job.name}",
        [
            ("state", attempt.state + (" (degraded)" if attempt.degraded else "")),
            ("attempt", manifest.attempt),
            ("job id", manifest.job_id),
            ("started", manifest.started),
            ("recipe", manifest.recipe.digest),
            *_work(task),
        ],
    )
    yield "software and host", [(kind, _outcome(attempt, kind)) for kind in sorted(manifest.outcomes)]
    if attempt.result is not None:
        yield "result", _result(attempt)


def _work(task: RubinQuantum | Command) -> Iterator[tuple[str, str]]:
    if isinstance(task, Command):
        yield "command", " ".join(task.argv)
        return
    yield "task", task.task_class
    yield "data ID", ", ".join(f"{name}: {value}" for name, value in task.data_id.items())
    for name, uuids in (*task.init_inputs.items(), *task.inputs.items()):
        yield f"input {name}", f"{len(uuids)}: " + ", ".join(uuids[:3]) + (" …" if len(uuids) > 3 else "")


def _outcome(attempt: Attempt, kind: str) -> str:
    outcome = attempt.manifest.outcomes[kind]
    found = attempt.recipe.software.get(kind) or attempt.manifest.host.get(kind)
    if outcome.status == "captured":
        return found.digest if found else "captured"
    return f"{outcome.status}: {outcome.reason}"


def _result(attempt: Attempt) -> list[tuple[str, str]]:
    result = attempt.result
    assert result is not None
    used = sum(entry.used for entry in result.inputs)
    available = sum(entry.available for entry in result.inputs)
    rows: list[tuple[str, str]] = [
        ("ended", result.ended),
        ("inputs", f"{len(result.inputs)} predicted, {available} available, {used} used"),
        *((name, value) for name, value in result.resources.items()),
        *((f"metric {name}", value) for name, value in (result.metrics or {}).items()),
    ]
    if result.error:
        rows.insert(0, ("error", result.error))
    rows += [(f"output {o.dataset_type or ''}", f"{o.file.uri} {o.file.digest or ''}") for o in result.outputs]
    rows += [("missing output", name) for name in result.missing or ()]
    rows += [(f"degraded {what}", why) for what, why in (result.degraded or {}).items()]
    return rows
