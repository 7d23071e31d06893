# SPDX-License-Identifier: Apache-2.0
"""Work beside the payload: the digests of what one quantum wrote are taken while the next one runs."""

from __future__ import annotations

import _thread
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable

__all__ = ("Background",)

_LOOKS = 200
_BETWEEN_LOOKS = 0.0005


class Background:
    """Does work in order, in one thread, which is there as long as there is work.

    Python waits for it before it ends. It is waited for before a fork, too: a payload that forks must not find that its
    process has two threads, which Python warns of and which can lock its child up.
    """

    def __init__(self) -> None:
        self._begin_anew()
        os.register_at_fork(before=self._before_fork, after_in_child=self._begin_anew)

    def _begin_anew(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[Callable[[], None]] = deque()
        self._works = False
        self._thread: threading.Thread | None = None

    def submit(self, work: Callable[[], None]) -> None:
        """Have some work done soon; it must not raise. Where no thread can be started, it is done now."""
        with self._lock:
            if self._works:
                self._waiting.append(work)
                return
            thread = threading.Thread(target=self._work, args=(work,), name="envcap")
            try:
                thread.start()
                self._works, self._thread = True, thread
                return
            except RuntimeError:
                pass  # this process may have no more threads, or is about to end
        work()

    def _work(self, work: Callable[[], None]) -> None:
        while True:
            work()
            with self._lock:
                if not self._waiting:
                    self._works = False
                    return
                work = self._waiting.popleft()

    def settle(self) -> None:
        """Wait until all is done, and the thread is no more."""
        with self._lock:
            thread = self._thread
        if thread is None:
            return
        thread.join()
        # Joined, it is on its way out: whoever counts threads now may still find two.
        for _ in range(_LOOKS):
            if not os.path.exists(f"/proc/self/task/{thread.native_id}"):
                break
            time.sleep(_BETWEEN_LOOKS)

    def _before_fork(self) -> None:
        # What is raised here, Python only prints; a signal that came while this waited must still end the payload.
        try:
            self.settle()
        except KeyboardInterrupt:
            _thread.interrupt_main()
        except SystemExit:
            _thread.interrupt_main(signal.SIGTERM)
