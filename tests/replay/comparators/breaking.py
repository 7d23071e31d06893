# SPDX-License-Identifier: Apache-2.0
"""Comparators that break as libraries do, in whatever process they are."""

from __future__ import annotations

import ctypes
import os
import time
from pathlib import Path

from replay.comparators.base import Comparator, ComparisonError
from replay.comparators.difference import Difference, Kind


class Crashing(Comparator):
    """Reads where nothing is."""

    def _compare(self, original: Path, remade: Path) -> tuple[Difference, ...]:
        ctypes.string_at(0)
        return ()


class Hanging(Comparator):
    """Never ends."""

    def _compare(self, original: Path, remade: Path) -> tuple[Difference, ...]:
        time.sleep(3600)
        return ()


class Hoarding(Comparator):
    """Takes all the memory there is."""

    def _compare(self, original: Path, remade: Path) -> tuple[Difference, ...]:
        os.write(2, b"hoarding\n")
        return (Difference("x", Kind.VALUE, str(len(bytearray(1 << 46)))),)


class Chatty(Comparator):
    """Prints, and tells what it was given."""

    def _compare(self, original: Path, remade: Path) -> tuple[Difference, ...]:
        os.write(1, b"a library says hello\n")
        leaf = Difference("x", Kind.VALUE, str(self.matching), {"count": 2, "max_abs": "0.5"})
        return (Difference("group", Kind.GROUP, f"{original.name} {remade.name}", children=(leaf,)),)


class Refusing(Comparator):
    """Refuses the second file."""

    def _compare(self, original: Path, remade: Path) -> tuple[Difference, ...]:
        raise ComparisonError(remade, "it is damaged")
