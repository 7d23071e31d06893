# SPDX-License-Identifier: Apache-2.0
"""Says on stderr how far a campaign is: a bar where somebody looks, a line now and then elsewhere."""

from __future__ import annotations

import time
from types import TracebackType

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from envcap.cli.console import console

from .campaign import Campaign
from .entry import Entry
from .tally import Tally

__all__ = ("Meter",)

_EVERY_S = 30.0


class Meter:
    """Counts the entries as they come.

    Attributes
    ----------
    tally : `Tally`

    Parameters
    ----------
    campaign : `Campaign`
    quiet : `bool`
        Say nothing.
    """

    def __init__(self, campaign: Campaign, *, quiet: bool) -> None:
        self.tally = Tally(campaign, ())
        self._quiet = quiet
        self._console = console()
        self._began = time.monotonic()
        self._said = self._began
        self._before = 0
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
        )
        hidden = quiet or not self._console.is_terminal
        self._bar = Progress(*columns, TimeRemainingColumn(), console=self._console, transient=True, disable=hidden)
        self._task = self._bar.add_task("judging", total=campaign.planned, rate="")

    def __enter__(self) -> Meter:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._bar.stop()
        if not self._quiet and kind is None:
            self._console.print(self._line(), markup=False)

    def begin(self) -> None:
        """Begin to measure the rate: what was judged by earlier runs says nothing of it."""
        self._before, self._began = self.tally.judged, time.monotonic()

    def show(self, entry: Entry) -> None:
        """Count an entry that is new."""
        self.tally.add(entry)
        self._bar.update(self._task, completed=self.tally.judged, description=self._verdicts(), rate=self._rate())
        now = time.monotonic()
        if self._bar.disable and not self._quiet and now - self._said >= _EVERY_S:
            self._said = now
            self._console.print(self._line(), markup=False)

    def tell(self, line: str) -> None:
        """Say something."""
        if not self._quiet:
            self._console.print(line, markup=False)

    def _line(self) -> str:
        told = f"{self.tally.judged}/{self.tally.planned} judged: {self._verdicts() or 'nothing yet'}"
        if rate := self._rate():
            told += f", {rate}"
        per_second = self._per_second()
        if self.tally.unjudged and per_second:
            told += f", {_duration(self.tally.unjudged / per_second)} left"
        return told

    def _verdicts(self) -> str:
        return ", ".join(f"{count} {verdict}" for verdict, count in self.tally.verdicts().items() if count)

    def _per_second(self) -> float:
        taken = time.monotonic() - self._began
        return (self.tally.judged - self._before) / taken if taken > 0 else 0.0

    def _rate(self) -> str:
        per_second = self._per_second()
        if not per_second:
            return ""
        return f"{per_second:.1f}/s" if per_second >= 1 else f"{per_second * 60:.1f}/min"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}"
