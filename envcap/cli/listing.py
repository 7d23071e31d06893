# SPDX-License-Identifier: Apache-2.0
"""What commands share that go through many jobs."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

from ..store.attempt import Attempt

__all__ = ("shown",)


def shown(attempts: Iterator[Attempt], title: str, total: int, arguments: argparse.Namespace) -> Iterator[Attempt]:
    """Pass attempts on, with a bar where somebody looks."""
    if arguments.json or not sys.stderr.isatty():
        return attempts
    from .console import progress

    return progress(attempts, title, total)
