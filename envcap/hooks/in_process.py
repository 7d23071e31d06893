# SPDX-License-Identifier: Apache-2.0
"""Writes the documents of quanta in the process that runs them, where no `envcap run` listens.

So it is in a notebook and in a block of `envcap.capture`, in a process that inherits no descriptors (of ``pipetask
-j``), in one of another interpreter than the one that was captured, and when `envcap run` itself was killed.
"""

from __future__ import annotations

import atexit
import sys
from collections.abc import Callable, Mapping

from ..environment import capture_environment
from ..errors import StoreError
from ..target import Target
from .attempt import open_journal
from .background import Background
from .context import Context
from .recorder import Recorder
from .telling import say

__all__ = ("InProcess", "settle")

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_background = Background()


class InProcess:
    """Records the quanta of this process.

    Parameters
    ----------
    context : `str`
        The value of `CONTEXT_VARIABLE`.
    """

    def __init__(self, context: str) -> None:
        found = Context.from_text(context)
        self._journal, outcomes = open_journal(found.store, found.key)
        target = Target.current()
        environment = found.environment if found.environment.fits(target) else capture_environment(target, found.store)
        self._recorder = Recorder(
            found.store, self._journal, environment, outcomes, found.parent, _tell, beside=_beside
        )
        atexit.register(self.close)

    def take(self, kind: str, facts: Mapping[str, Any]) -> None:
        """Take a fact of this process."""
        self._recorder.take("", kind, facts)

    def is_there(self) -> bool:
        """Return that facts are taken, as ever."""
        return True

    def close(self) -> None:
        """Write what is left, and end the journal: a notebook has one for each cell."""
        atexit.unregister(self.close)
        settle()
        try:
            self._journal.close()
        except StoreError as err:
            _tell(f"degraded journal: {err}")


def settle() -> None:
    """Wait until the results of all quanta that have ended are written."""
    _background.settle()


def _tell(line: str) -> None:
    say(line)


def _beside(work: Callable[[], None]) -> None:
    if _is_killed_at_its_end():
        work()
    else:
        _background.submit(work)


def _is_killed_at_its_end() -> bool:
    """Whether this is a worker of a pool of `multiprocessing`, which is not given the time to end by itself."""
    multiprocessing = sys.modules.get("multiprocessing.process")
    return multiprocessing is not None and bool(multiprocessing.current_process().daemon)
