# SPDX-License-Identifier: Apache-2.0
"""Work beside the payload: the digests of what one quantum wrote are taken while the next one runs."""

from __future__ import annotations

import _thread
import os
import signal
import threading
import time
from collections.abc import Callable

# Before `Background` registers what it does before a fork: what was registered last runs first, and the locks of both
# are then taken in one order by all threads.
from concurrent.futures.thread import ThreadPoolExecutor

__all__ = ("Background",)

_LOOKS = 200
_BETWEEN_LOOKS = 0.0005


class Background:
    """Does work in order, in one thread.

    Python waits for it before it ends. It is waited for, and ended, before a fork, too: a payload that forks must not
    find that its process has two threads, which Python warns of and which can lock its child up.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pool: _OneThread | None = None
        os.register_at_fork(before=self._before_fork, after_in_child=self._begin_anew)

    def submit(self, work: Callable[[], None]) -> None:
        """Have some work done soon; it must not raise. Where no thread can be started, it is done now."""
        with self._lock:
            try:
                if self._pool is None:
                    self._pool = _OneThread()
                self._pool.submit(work)
                return
            except RuntimeError:
                # This process may have no more threads, or is about to end. The pool has it, and must not do it, too.
                self._pool = None
        work()

    def settle(self) -> None:
        """Wait until all that was submitted so far is done."""
        with self._lock:
            try:
                done = self._pool.submit(bool) if self._pool is not None else None
            except RuntimeError:
                done = None  # Python is about to end, and has waited for all
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
            pool.end()


class _OneThread(ThreadPoolExecutor):
    def __init__(self) -> None:
        self._task = 0
        super().__init__(1, thread_name_prefix="envcap", initializer=self._note_task)

    def _note_task(self) -> None:
        self._task = threading.get_native_id()

    def end(self) -> None:
        """Wait until all is done, and the thread is no more."""
        self.shutdown(wait=True)
        # Joined, it is on its way out: whoever counts threads now may still find two.
        for _ in range(_LOOKS):
            if not os.path.exists(f"/proc/self/task/{self._task}"):
                break
            time.sleep(_BETWEEN_LOOKS)
