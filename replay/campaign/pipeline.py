# SPDX-License-Identifier: Apache-2.0
"""Judges one quantum while the next one runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from envcap.errors import EnvcapError

__all__ = ("overlapped",)

Asked = TypeVar("Asked")
Executed = TypeVar("Executed")
Judged = TypeVar("Judged")


def overlapped(
    asked: Iterable[Asked], execute: Callable[[Asked], Executed], judge: Callable[[Executed], Judged]
) -> Iterator[tuple[Asked, Judged | EnvcapError]]:
    """Yield what each job came to, in order.

    Parameters
    ----------
    asked : iterable
        The next one is taken when the one before it has been executed, and is being judged.
    execute, judge : callable
        The second runs in a thread, beside the first. What they raise is what the job came to, if it is an
        `EnvcapError`.
    """

    def judged(executed: Executed) -> Judged | EnvcapError:
        try:
            return judge(executed)
        except EnvcapError as err:
            return err

    with ThreadPoolExecutor(1) as pool:
        before: tuple[Asked, Future[Judged | EnvcapError]] | None = None
        for one in asked:
            executed: Executed | EnvcapError
            try:
                executed = execute(one)
            except EnvcapError as err:
                executed = err
            if before is not None:
                yield before[0], before[1].result()
                before = None
            if isinstance(executed, EnvcapError):
                yield one, executed
            else:
                before = one, pool.submit(judged, executed)
        if before is not None:
            yield before[0], before[1].result()
