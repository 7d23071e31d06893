# SPDX-License-Identifier: Apache-2.0
"""Seals groups of journals in several processes. Apart, since few stores have so many that it is worth its import."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool

from ..errors import StoreError
from .sealing import SealedGroup, seal_group

__all__ = ("sealed_in_processes",)


def sealed_in_processes(
    root: str, groups: Sequence[list[str]], workers: int, reserve: Callable[[], tuple[str, int]]
) -> Iterator[tuple[list[str], SealedGroup]]:
    """Yield groups as they are sealed.

    Parameters
    ----------
    root : `str`
        The store's directory.
    groups : sequence of `list` [ `str` ]
        Names of journals.
    workers : `int`
        How many processes.
    reserve : callable
        Returns the name of a new pack and its id in the index.

    Raises
    ------
    StoreError
        If a process is killed.
    """
    waiting = list(reversed(groups))
    # A process that is forked would have this one's database open.
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        running: dict[Future[SealedGroup], list[str]] = {}
        while waiting or running:
            while waiting and len(running) <= workers:
                names = waiting.pop()
                running[pool.submit(seal_group, root, names, *reserve())] = names
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                try:
                    yield running.pop(future), future.result()
                except BrokenProcessPool as err:
                    raise StoreError(f"{root}: a process that packs was killed (too little memory?)") from err
