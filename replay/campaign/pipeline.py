# SPDX-License-Identifier: Apache-2.0
"""Has one quantum run while the next one is prepared and the one before it is judged."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from envcap.errors import EnvcapError

__all__ = ("overlapped",)

Asked = TypeVar("Asked")
Started = TypeVar("Started")
Executed = TypeVar("Executed")
Judged = TypeVar("Judged")


def overlapped(
    asked: Iterable[Asked],
    start: Callable[[Asked], Started],
    finish: Callable[[Started], Executed],
    judge: Callable[[Executed], Judged],
) -> Iterator[tuple[Asked, Judged | EnvcapError]]:
    """Yield what each job came to, in order.

    Parameters
    ----------
    asked : iterable
        The next one is taken while the one before it runs.
    start, finish, judge : callable
        The first two are called in this thread: one job is started, then the one before it is waited for. The third
        runs in a thread, beside them. What they raise is what the job came to, if it is an `EnvcapError`.
    """

    def judged(executed: Executed) -> Judged | EnvcapError:
        try:
            return judge(executed)
        except EnvcapError as err:
            return err

    def finished(started: Started | EnvcapError) -> Future[Judged | EnvcapError]:
        if isinstance(started, EnvcapError):
            return _known(started)
        try:
            return pool.submit(judged, finish(started))
        except EnvcapError as err:
            return _known(err)

    with ThreadPoolExecutor(1) as pool:
        running: tuple[Asked, Started | EnvcapError] | None = None
        ended: tuple[Asked, Future[Judged | EnvcapError]] | None = None
        for one in asked:
            started: Started | EnvcapError
            try:
                started = start(one)
            except EnvcapError as err:
                started = err
            now = None if running is None else (running[0], finished(running[1]))
            running = one, started
            if ended is not None:
                yield ended[0], ended[1].result()
            ended = now
        if running is not None:
            last = running[0], finished(running[1])
            if ended is not None:
                yield ended[0], ended[1].result()
            yield last[0], last[1].result()


def _known(error: EnvcapError) -> Future[Judged | EnvcapError]:
    """Return what is known without waiting."""
    found: Future[Judged | EnvcapError] = Future()
    found.set_result(error)
    return found
