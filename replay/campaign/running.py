# SPDX-License-Identifier: Apache-2.0
"""Runs a campaign on Parsl: batches to workers, again where the infrastructure failed, each quantum judged once."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import suppress
from typing import Any

from envcap.store.index import Index
from envcap.store.opened import existing_store

from .adoption import adopted
from .batches import batches
from .campaign import Campaign
from .definition import Planned
from .entry import Entry
from .hands import close_hands, judge_batch
from .judging import unjudged_entry
from .ledger import Ledger, LedgerReader
from .meter import Meter
from .permits import Permits, only_run, settle

__all__ = ("CampaignRun",)

MOST_TRIES = 3
"""How often a quantum is tried if the infrastructure fails."""
_PAUSE_S = 0.5
_PASSED = ("ENVCAP_", "XDG_")


class CampaignRun:
    """One run of a campaign, until all is judged or it is interrupted.

    Parameters
    ----------
    campaign : `Campaign`
    config : `parsl.config.Config`
    workers : `int`
        How many there are, as far as is known.
    meter : `Meter`
        Is told of each entry that is new, and of what people must know.
    """

    def __init__(self, campaign: Campaign, config: Any, workers: int, meter: Meter) -> None:
        self._campaign = campaign
        self._config = config
        self._workers = workers
        self._meter = meter
        self._reader = LedgerReader(campaign.folder)
        self._permits = Permits(campaign.folder)
        self._left = {one.attempt: one for one in campaign.definition.quanta}
        self._tries: Counter[str] = Counter()
        self._waiting: dict[Future[Any], tuple[str, list[Planned]]] = {}
        self._app: Callable[[Mapping[str, Any]], Future[Any]] = lambda _: Future()

    def run(self) -> None:
        """Judge what is left.

        Raises
        ------
        CampaignError
            If another process runs it, or its folder can't be written to.
        """
        with only_run(self._campaign.folder):
            self._permits.take_all_back()
            settle(self._reader, None, self._tell_of_others, self._take)
            ledger = Ledger(self._campaign.folder)
            try:
                self._adopt(self._left, ledger)
                if self._left:
                    self._judge(ledger)
            finally:
                self._permits.take_all_back()
                ledger.close()

    def _tell_of_others(self, count: int) -> None:
        self._meter.tell(f"{count} workers of an earlier run end what they have begun …")

    def _take(self, entry: Entry) -> None:
        """Take note of what was judged."""
        if self._left.pop(entry.attempt, None) is not None:
            self._meter.show(entry)

    def _take_in(self) -> None:
        """Read what was judged meanwhile."""
        for entry in self._reader.new():
            self._take(entry)

    def _adopt(self, quanta: Mapping[str, Planned], ledger: Ledger) -> None:
        """Take over the verdicts that are in the store, but whose workers died before they could say so."""
        if quanta:
            index = Index(existing_store(self._campaign.definition.options["store"]))
            for entry in adopted(index, self._campaign.definition, quanta):
                ledger.add(entry)
            index.close()
            self._take_in()

    def _judge(self, ledger: Ledger) -> None:
        import parsl

        self._meter.begin()
        kernel = parsl.DataFlowKernel(self._config)
        try:
            self._app = parsl.python_app(judge_batch, data_flow_kernel=kernel, cache=False)
            self._submit(self._left.values())
            while self._waiting:
                done, _ = wait(self._waiting, timeout=_PAUSE_S, return_when=FIRST_COMPLETED)
                self._take_in()
                for future in done:
                    self._settle_batch(future, ledger)
        finally:
            self._permits.take_all_back()
            close_hands()
            with suppress(Exception):  # what Parsl can't tidy is no fault of the campaign
                kernel.cleanup()
            self._take_in()

    def _submit(self, quanta: Iterable[Planned]) -> None:
        variables = {name: value for name, value in os.environ.items() if name.startswith(_PASSED)}
        for some in batches(quanta, self._workers):
            batch = self._permits.give()
            request = {
                "folder": self._campaign.folder,
                "variables": variables,
                "environment": some[0].environment,
                "batch": batch,
                "quanta": [one.attempt for one in some],
                "tries": {one.attempt: self._tries[one.attempt] for one in some if self._tries[one.attempt]},
            }
            self._waiting[self._app(request)] = (batch, some)

    def _settle_batch(self, future: Future[Any], ledger: Ledger) -> None:
        """Look at what a batch came to, and have tried again what was not judged."""
        batch, quanta = self._waiting.pop(future)
        self._permits.take_back(batch)
        error = future.exception()
        if error is not None:  # of Parsl's: its worker may be gone, or only out of reach
            settle(self._reader, batch, self._tell_of_others, self._take)
            answer: Mapping[str, Any] = {"unjudged": {}, "lost": True, "reason": f"{type(error).__name__}: {error}"}
        else:
            answer = future.result()
        self._take_in()
        if "lost" in answer:
            self._adopt({one.attempt: one for one in quanta if one.attempt in self._left}, ledger)
        left = [one for one in quanta if one.attempt in self._left]
        if left:
            self._try_again(left, answer, ledger)

    def _try_again(self, left: Sequence[Planned], answer: Mapping[str, Any], ledger: Ledger) -> None:
        again = []
        for one in left:
            kind, message = _why(one, answer)
            if kind:
                self._tries[one.attempt] += 1
            if self._tries[one.attempt] < MOST_TRIES:
                again.append(one)
            else:
                ledger.add(unjudged_entry(one, kind, message, 0.0, self._tries[one.attempt]))
        if again:
            kind, message = next((found for one in again if (found := _why(one, answer))[0]), ("", ""))
            if kind:
                self._meter.tell(f"{len(again)} quanta are tried again: {message}")
            self._submit(again)
        self._take_in()


def _why(planned: Planned, answer: Mapping[str, Any]) -> tuple[str, str]:
    """Return error type and message of why a quantum of a batch was not judged; empty, if it was not even tried."""
    if planned.attempt in answer["unjudged"]:
        kind, message = answer["unjudged"][planned.attempt]
        return kind, message
    if "lost" not in answer:
        return "worker_lost", "the worker ended the batch before it came to this quantum"
    if planned.attempt in answer.get("trying", (planned.attempt,)):
        return "worker_lost", answer["reason"]
    return "", ""
