# SPDX-License-Identifier: Apache-2.0
"""Has the processes of `multiprocessing` tell, which Python's own end does not reach.

One that was forked leaves by `os._exit`, and a worker of a pool is killed once its answers are there. This is of the
standard library alone: a replayed process loads it, too, by its path.
"""

from __future__ import annotations

import sys
from functools import wraps

__all__ = ("MODULES", "follow")

MODULES = ("multiprocessing.util", "multiprocessing.pool")
"""What `follow` is to be called with once it has been imported."""

_LAST = -(1 << 30)
"""Priority of what is done when everything else that a process has to do at its end is done."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType
    from typing import Any


def follow(
    module: ModuleType, begins: Callable[[], object], ends: Callable[[], object], loads: Callable[[], object]
) -> None:
    """Have the processes of `multiprocessing` tell: those that are forked, and workers of pools.

    Parameters
    ----------
    module : module
        One of `MODULES`.
    begins : callable
        Tells that a process begins.
    ends : callable
        Tells all that one has to tell at its end. It must not raise.
    loads : callable
        Returns what changes when a library is loaded.
    """
    if module.__name__ == MODULES[0]:
        _follow_forks(module, begins, ends)
    else:
        _follow_workers(module, ends, loads)


def _follow_forks(util: Any, begins: Callable[[], object], ends: Callable[[], object]) -> None:
    def enter(_: object) -> None:
        begins()
        util.Finalize(None, ends, exitpriority=_LAST)

    _kept.append(enter)  # `multiprocessing` itself would forget it
    util.register_after_fork(enter, enter)


def _follow_workers(pool: Any, ends: Callable[[], object], loads: Callable[[], object]) -> None:
    original = pool.worker

    @wraps(original)  # a worker that is spawned looks for it by its name
    def worker(tasks: Any, answers: Any, *others: Any, **more: Any) -> Any:
        if hasattr(answers, "_writer"):  # else it is a thread
            tell = _telling_what_is_new(ends, loads)
            tasks.get = _after(tell, tasks.get)
            answers.put = _after(tell, answers.put)
        return original(tasks, answers, *others, **more)

    pool.worker = worker


def _telling_what_is_new(ends: Callable[[], object], loads: Callable[[], object]) -> Callable[[], None]:
    """Return what has this process tell, if it has loaded something since it told last."""
    told: object = None

    def tell() -> None:
        nonlocal told
        if (len(sys.modules), loads()) != told:
            ends()
            told = len(sys.modules), loads()  # to tell may have loaded something, too

    return tell


def _after(first: Callable[[], None], then: Callable[..., Any]) -> Callable[..., Any]:
    def do_both(*arguments: Any) -> Any:
        first()
        return then(*arguments)

    return do_both


_kept: list[Callable[[object], None]] = []
