# SPDX-License-Identifier: Apache-2.0
"""Judges batches of quanta: ``python -m replay.campaign.worker FOLDER``, on any node that sees the campaign's folder.

It reads a batch as a line of JSON from its standard input, ``{"batch": ID, "quanta": [ATTEMPT, …], "tries": {…}}``, and
answers lines of JSON: ``{"trying": [ATTEMPT, …]}`` before each quantum, with all that it is at then, ``{"unjudged":
{ATTEMPT: [TYPE, MESSAGE]}}`` of what the infrastructure did not let it judge, and ``{"end": ID}``. What was judged goes
into its ledger. What it has warm (the environment, its server, the isolated repositories) serves batch after batch.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from envcap.errors import EngineError, EnvcapError
from envcap.store.index import Index
from envcap.store.opened import existing_store

from ..jobs.base import CapturedJob
from ..jobs.registry import captured_job
from ..progress import Progress
from ..rerunning import Replays
from ..under_way import Started
from ..verdict import ReplayVerdict
from .campaign import Campaign
from .definition import Planned
from .judging import is_infrastructure, judged_entry, unjudged_entry
from .ledger import Ledger
from .options import options_of
from .permits import is_permitted
from .pipeline import overlapped

__all__ = ("BatchWorker", "main")

_RENEWED_AFTER = 512
"""Quanta after which a session is begun anew: what a server knows of them must not fill its memory."""

_Judged = ReplayVerdict | EnvcapError


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
        self._replays = Replays(self._options, Progress(quiet=True))
        self._jobs: dict[str, CapturedJob] = {}
        self._environment = ""
        self._count = 0
        self._begun: dict[str, float] = {}
        self._parent = os.getppid()

    def judge(self, request: Mapping[str, Any]) -> None:
        """Judge a batch.

        What was tried before and failed is tried alone, so that it is known what a worker died of.
        """
        batch = str(request["batch"])
        waiting = [self._planned[attempt] for attempt in request["quanta"]]
        tries: Mapping[str, int] = request["tries"]
        self._ledger.begin(batch)
        self._make_ready(waiting[0].environment)
        self._replays.expect(self._loaded(waiting))
        permitted = self._permitted(batch, waiting)
        left = list(waiting)
        together = overlapped(permitted, self._start, self._replays.finish, self._replays.judge)
        for planned, judged in self._one_by_one(permitted) if tries else together:
            if isinstance(judged, EnvcapError) and is_infrastructure(judged):
                # It would happen to the others, too.
                told = [judged.error_type, str(judged)]
                self._answer({"unjudged": {one.attempt: told for one in left}})
                self._end_replays()
                break
            left.remove(planned)
            self._note(planned, judged, int(tries.get(planned.attempt, 0)) + 1)
        self._ledger.end(batch)
        self._answer({"end": batch})

    def close(self) -> None:
        """End what it has warm."""
        self._end_replays()
        self._ledger.close()

    def _permitted(self, batch: str, waiting: Iterable[Planned]) -> Iterator[Planned]:
        """Yield what is to be tried, until whoever gave the batch is gone, or may have given it to another worker."""
        for planned in waiting:
            if os.getppid() != self._parent or not is_permitted(self._folder, batch):
                return
            self._begun[planned.attempt] = time.perf_counter()
            self._answer({"trying": list(self._begun)})
            self._count += 1
            yield planned

    def _one_by_one(self, waiting: Iterable[Planned]) -> Iterator[tuple[Planned, _Judged]]:
        for planned in waiting:
            judged: _Judged
            try:
                judged = self._replays.judge(self._replays.finish(self._start(planned)))
            except EnvcapError as err:
                judged = err
            yield planned, judged

    def _loaded(self, waiting: Iterable[Planned]) -> Iterable[CapturedJob]:
        """Load all jobs of a batch; what is wrong with one is told when it is started."""
        self._jobs = {}
        for planned in waiting:
            with suppress(EnvcapError, OSError):
                self._jobs[planned.attempt] = self._load(planned)
        return self._jobs.values()

    def _load(self, planned: Planned) -> CapturedJob:
        return captured_job(self._index, self._index.load(planned.attempt))

    def _start(self, planned: Planned) -> Started:
        try:
            job = self._jobs.pop(planned.attempt) if planned.attempt in self._jobs else self._load(planned)
            return self._replays.start(job)
        except OSError as err:
            raise EngineError(f"{err.filename or 'this node'}: {err.strerror or err}") from err

    def _note(self, planned: Planned, judged: _Judged, tries: int) -> None:
        """Write what a quantum came to into the ledger."""
        taken = time.perf_counter() - self._begun.pop(planned.attempt)
        if isinstance(judged, ReplayVerdict):
            seconds = sum(judged.seconds.values())
            self._ledger.add(judged_entry(planned, judged, self._index, judged.job, seconds, tries))
        else:
            self._ledger.add(unjudged_entry(planned, judged.error_type, str(judged), taken, tries))

    def _make_ready(self, environment: str) -> None:
        if self._environment != environment or self._count >= _RENEWED_AFTER:
            self._end_replays()
        self._environment = environment

    def _end_replays(self) -> None:
        self._replays.close()
        self._replays = Replays(self._options, Progress(quiet=True))
        self._begun.clear()
        self._count = 0


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
