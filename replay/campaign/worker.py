# SPDX-License-Identifier: Apache-2.0
"""Judges batches of quanta: ``python -m replay.campaign.worker FOLDER``, on any node that sees the campaign's folder.

It reads a batch as a line of JSON from its standard input, ``{"batch": ID, "quanta": [ATTEMPT, …], "tries": {…}}``, and
answers lines of JSON: ``{"trying": ATTEMPT}`` before each quantum, ``{"unjudged": {ATTEMPT: [TYPE, MESSAGE]}}`` of what
the infrastructure did not let it judge, and ``{"end": ID}``. What was judged goes into its ledger. What it has warm
(the environment, its server, the isolated repositories) serves batch after batch.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Generator, Mapping
from typing import Any

from envcap.errors import EnvcapError
from envcap.store.index import Index
from envcap.store.opened import existing_store

from ..jobs.base import CapturedJob
from ..jobs.registry import captured_job
from ..options import Options
from ..progress import Progress
from ..rerunning import rerun_all
from ..verdict import ReplayVerdict
from .campaign import Campaign
from .definition import Planned
from .judging import is_infrastructure, judged_entry, unjudged_entry
from .ledger import Ledger
from .options import options_of
from .permits import is_permitted

__all__ = ("BatchWorker", "main")

_RENEWED_AFTER = 512
"""Quanta after which the isolated repositories are made anew: copies of inputs must not fill a disk."""


class _Stream:
    """One session of replays, that gets its jobs one by one."""

    def __init__(self, options: Options) -> None:
        self._waiting: deque[CapturedJob] = deque()
        self._found: Generator[tuple[CapturedJob, ReplayVerdict | EnvcapError], None, None] = rerun_all(
            iter(self._waiting.popleft, None), options, Progress(quiet=True)
        )
        self.count = 0

    def rerun(self, job: CapturedJob) -> ReplayVerdict | EnvcapError:
        self._waiting.append(job)
        self.count += 1
        return next(self._found)[1]

    def close(self) -> None:
        self._found.close()


class BatchWorker:
    """Judges batches, one after the other.

    Parameters
    ----------
    campaign : `Campaign`
    answer : callable
        Takes what whoever gives the batches must know at once.
    """

    def __init__(self, campaign: Campaign, answer: Callable[[Mapping[str, Any]], None]) -> None:
        self._folder = campaign.folder
        self._planned = {one.attempt: one for one in campaign.definition.quanta}
        self._options = options_of(campaign.definition)
        self._index = Index(existing_store(campaign.definition.options["store"]))
        self._answer = answer
        self._ledger = Ledger(campaign.folder)
        self._stream: _Stream | None = None
        self._environment = ""
        self._parent = os.getppid()

    def judge(self, request: Mapping[str, Any]) -> None:
        """Judge a batch."""
        batch = str(request["batch"])
        self._ledger.begin(batch)
        waiting = [self._planned[attempt] for attempt in request["quanta"]]
        for number, planned in enumerate(waiting):
            # Whoever gave the batch may be gone, or may have given it to another worker.
            if os.getppid() != self._parent or not is_permitted(self._folder, batch):
                break
            self._answer({"trying": planned.attempt})
            error = self._judge(planned, int(request["tries"].get(planned.attempt, 0)) + 1)
            if error is not None:
                # It would happen to the others, too.
                told = [error.error_type, str(error)]
                self._answer({"unjudged": {one.attempt: told for one in waiting[number:]}})
                self._close_stream()
                break
        self._ledger.end(batch)
        self._answer({"end": batch})

    def close(self) -> None:
        """End what it has warm."""
        self._close_stream()
        self._ledger.close()

    def _judge(self, planned: Planned, tries: int) -> EnvcapError | None:
        """Judge one quantum; return the error, if that says nothing of the quantum."""
        started = time.perf_counter()
        found: ReplayVerdict | EnvcapError
        try:
            job = captured_job(self._index, self._index.load(planned.attempt))
            found = self._stream_for(planned).rerun(job)
        except EnvcapError as err:
            found = err
        except OSError as err:
            return EnvcapError(f"{err.filename or 'this node'}: {err.strerror or err}")
        taken = time.perf_counter() - started
        if isinstance(found, ReplayVerdict):
            self._ledger.add(judged_entry(planned, found, self._index, job, taken, tries))
        elif is_infrastructure(found):
            return found
        else:
            self._ledger.add(unjudged_entry(planned, found.error_type, str(found), taken, tries))
        return None

    def _stream_for(self, planned: Planned) -> _Stream:
        worn = self._stream is not None and self._stream.count >= _RENEWED_AFTER
        if self._environment != planned.environment or worn:
            self._close_stream()
        if self._stream is None:
            self._stream = _Stream(self._options)
            self._environment = planned.environment
        return self._stream

    def _close_stream(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None


def main() -> None:
    """Judge batches until the standard input ends."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    # What modules print must not be taken for an answer.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def answer(document: Mapping[str, Any]) -> None:
        answers.write(json.dumps(document) + "\n")
        answers.flush()

    try:
        worker = BatchWorker(Campaign.at(sys.argv[1]), answer)
    except EnvcapError as err:
        sys.exit(f"{err.error_type}: {err}")
    try:
        for line in sys.stdin:
            worker.judge(json.loads(line))
    except BrokenPipeError:
        pass  # whoever asked is gone
    finally:
        worker.close()


if __name__ == "__main__":
    main()
