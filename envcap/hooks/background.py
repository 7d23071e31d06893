# SPDX-License-Identifier: Apache-2.0
"""Work beside the payload: the digests of what one quantum wrote are taken while the next one runs."""

from __future__ import annotations

import _thread
import os
import signal
import threading
from collections.abc import Callable

# Before `Background` registers what it does before a fork: what was registered last runs first, and the locks of both
# are then taken in one order by all threads.
from concurrent.futures.thread import ThreadPoolExecutor

__all__ = ("Background",)


class Background:
    """Does work in order, in one thread.

    Python waits for it before it ends. It is waited for, and ended, before a fork, too: a payload that forks must not
    find that its process has two threads, which Python warns of and which can lock its child up.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pool: ThreadPoolExecutor | None = None
        os.register_at_fork(before=self._before_fork, after_in_child=self._begin_anew)

    def submit(self, work: Callable[[], None]) -> None:
        """Have some work done soon; it must not raise. Where no thread can be started, it is done now."""
        with self._lock:
            try:
                if self._pool is None:
                    self._pool = ThreadPoolExecutor(1, thread_name_prefix="envcap")
                self._pool.submit(work)
                return
            except RuntimeError:
                # This process may have no more threads, or is about to end. The pool has it, and must not do it, too.
                self._pool = None
        work()

    def settle(self) -> None:
        """Wait until all that was submitted so far is done."""
        with self._lock:
            done = self._pool.submit(bool) if self._pool is not None else None
        if done is not None:
            done.result()

    def _before_fork(self) -> None:
        # What is raised here, Python only prints; a signal that came while this waited must still end the payload.
        try:
            self.wait()
        except KeyboardInterrupt:
            _thread.interrupt_main()
        except SystemExit:
            _thread.interrupt_main(signal.SIGTERM)

    def _begin_anew(self) -> None:
        self._lock = threading.Lock()
        self._pool = None

    def wait(self) -> None:
        """Wait until all is done, and end the thread."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=True)
