# SPDX-License-Identifier: Apache-2.0
"""Says on stderr what is being done, and how long it took; a spinner where somebody looks."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from envcap.cli.console import console

__all__ = ("Progress",)


class Progress:
    """Steps of the replay of one job.

    Attributes
    ----------
    seconds : `dict` [ `str`, `float` ]
        How long each took.

    Parameters
    ----------
    quiet : `bool`
        Say nothing.
    """

    def __init__(self, quiet: bool = False) -> None:
        self.seconds: dict[str, float] = {}
        self._console = None if quiet else console()

    def another(self) -> Progress:
        """Return that of another job, told of in the same way."""
        found = Progress(quiet=True)
        found._console = self._console
        return found

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Do something that may take longer than a second."""
        started = time.perf_counter()
        if self._console is None:
            yield
        elif self._console.is_terminal:
            with self._console.status(f"{title} …"):
                yield
        else:
            yield
        took = self.seconds[title] = time.perf_counter() - started
        if self._console is not None:
            self._console.print(f"  [green]✓[/green] {title} [dim]{took:.1f} s[/dim]")
