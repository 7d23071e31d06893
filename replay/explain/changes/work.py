# SPDX-License-Identifier: Apache-2.0
"""What is done: a task's class, a command's words, a command's configuration files."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from envcap.model.descriptor import Descriptor

from ...jobs.base import CapturedJob
from ...jobs.command import CapturedCommand
from ...jobs.quantum import CapturedQuantum
from ..draft import Draft
from .base import NOTHING, Change, ChangeKind

__all__ = ("WorkChanges",)

_TASK = "task_class"


class WorkChanges(ChangeKind):
    """One change for a task's class, or for the words of a command; one for each configuration file of it."""

    layer = "work"

    def changes(self, a: CapturedJob, b: CapturedJob) -> Iterator[Change]:
        """Yield what differs."""
        if isinstance(a, CapturedQuantum) and isinstance(b, CapturedQuantum):
            if a.task.task_class != b.task.task_class:
                yield _TaskChange(self.layer, _TASK, a.task.task_class, b.task.task_class)
        elif isinstance(a, CapturedCommand) and isinstance(b, CapturedCommand):
            if a.command.argv != b.command.argv:
                yield _WordsChange(a, b)
            yield from _files(a, b)


class _TaskChange(Change):
    def apply(self, draft: Draft) -> None:
        draft.work[_TASK] = self.after


class _WordsChange(Change):
    def __init__(self, a: CapturedCommand, b: CapturedCommand) -> None:
        super().__init__("work", "argv", a.title, b.title)
        self._words = list(b.command.argv)
        self._typed = list(b.manifest.job.argv)

    def apply(self, draft: Draft) -> None:
        draft.work["argv"] = self._words
        draft.identity["argv"] = self._typed


def _files(a: CapturedCommand, b: CapturedCommand) -> Iterator[Change]:
    before, after = a.config_files(), b.config_files()
    places = b.manifest.job.files or {}
    for name in sorted({*before, *after}):
        if before.get(name) != after.get(name):
            yield _FileChange(name, before.get(name), after.get(name), places.get(f"config:{name}"))


class _FileChange(Change):
    def __init__(self, name: str, before: Descriptor | None, after: Descriptor | None, place: str | None) -> None:
        super().__init__("configuration", name, *(one.digest if one else NOTHING for one in (before, after)))
        self._descriptor: dict[str, Any] | None = dict(after.data) if after else None
        self._place = place

    def apply(self, draft: Draft) -> None:
        files = draft.identity.setdefault("files", {})
        if self._descriptor is None or self._place is None:
            draft.work["config"].pop(self.name, None)
            files.pop(f"config:{self.name}", None)
        else:
            draft.work["config"][self.name] = self._descriptor
            files[f"config:{self.name}"] = self._place
