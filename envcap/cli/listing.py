# SPDX-License-Identifier: Apache-2.0
"""What commands share that go through many jobs: bars, where somebody looks, and waiting for one another."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ..store.attempt import Attempt

__all__ = ("say_waiting", "shown", "shown_progress")


def shown(attempts: Iterator[Attempt], title: str, total: int, arguments: argparse.Namespace) -> Iterator[Attempt]:
    """Pass attempts on, with a bar where somebody looks."""
    if arguments.json or not sys.stderr.isatty():
        return attempts
    from .console import progress

    return progress(attempts, title, total)


def say_waiting() -> None:
    """Say that another one is waited for."""
    sys.stderr.write("another ingest is at work in this store; waiting for it\n")


@contextmanager
def shown_progress(title: str, *, quiet: bool, unit: str = "bytes") -> Iterator[Callable[[int, int], None]]:
    """Give what is told how far something is; where somebody looks, it is a bar."""
    if quiet or not sys.stderr.isatty():
        yield lambda done, whole: None
        return
    from .console import advancing

    with advancing(title, unit) as advance:
        yield advance
