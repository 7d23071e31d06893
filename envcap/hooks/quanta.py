# SPDX-License-Identifier: Apache-2.0
"""Writes the documents of a payload's quanta in `envcap run`, which waits for the payload anyway."""

from __future__ import annotations

import gc
import json
from collections.abc import Mapping

from ..digest import use_openssl
from ..model.manifest import Outcome
from ..store.journal import Journal
from .background import Background
from .context import Context
from .recorder import Recorder

__all__ = ("PayloadQuanta",)

_MOST = 1000
_LONGEST = 1000


class PayloadQuanta:
    """The quanta of all processes of one payload that tell of them.

    Parameters
    ----------
    context : `Context`
    journal : `Journal`
        That of the enclosing job.
    outcomes : mapping
        How it ended that the journal was opened, if not well.
    """

    def __init__(self, context: Context, journal: Journal, outcomes: Mapping[str, Outcome]) -> None:
        gc.enable()  # while there were no quanta, there was nothing to collect
        use_openssl()  # nor to hash
        self._untold: list[str] = []
        self._background = Background()
        self._recorder = Recorder(
            context.store,
            journal,
            context.environment,
            outcomes,
            context.parent,
            tell=self._complain,
            beside=self._background.submit,
        )

    def hear(self, line: str) -> None:
        """Take what a process tells: its name, the kind of a fact, and the fact, as JSON. It never raises."""
        try:
            process, kind, facts = json.loads(line)
        except (RecursionError, TypeError, ValueError) as err:
            self._complain(f"degraded quantum: what is told of it: {err}")
            return
        self._recorder.take(process, kind, facts)

    def _complain(self, line: str) -> None:
        if len(self._untold) < _MOST:
            self._untold.append(line[:_LONGEST])
        elif len(self._untold) == _MOST:
            self._untold.append(f"degraded quantum: more than {_MOST} complaints")

    def settle(self) -> list[str]:
        """Write what is left; return what could not be done, line by line."""
        self._background.settle()
        return self._untold
