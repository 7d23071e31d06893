# SPDX-License-Identifier: Apache-2.0
"""Readers that do what none may: each must be caught, or the fuzz tests prove nothing."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from typing import Any

from envcap.errors import FormatError
from tests.fuzz.campaign import Campaign, feed
from tests.fuzz.mutate import Mutator

__all__ = ("BROKEN_CAMPAIGNS",)


class Broken(Campaign):
    """A reader that is good until the fourth input."""

    cases = 8

    def good(self) -> bool:
        """Return that nothing is to be broken."""
        return False

    def make(self, mutator: Mutator) -> bool:
        """Return whether to break it: one time in four."""
        return mutator.chance(0.25)

    def read(self, given: bool) -> None:
        """Do it."""
        if given:
            feed(self.misbehave)

    def misbehave(self) -> Any:
        """Do what no reader may."""


class Raising(Broken):
    """Raises what no reader may."""

    name = "broken: raises"

    def misbehave(self) -> object:
        """Look a name up that isn't there."""
        return {}["name"]


class Chatty(Broken):
    """Has an error of two lines, one of which a terminal obeys."""

    name = "broken: two lines"

    def misbehave(self) -> None:
        """Say it."""

        class TwoLinesError(FormatError):
            def __str__(self) -> str:
                return "one\n\x1b[2J"

        raise TwoLinesError


class Executing(Broken):
    """Runs what it was given, and hides what came of it."""

    name = "broken: runs a program"

    def misbehave(self) -> None:
        """Run it."""
        with contextlib.suppress(Exception):
            subprocess.run([self.corpus.canaries / "tool"], check=True)


class Shelling(Broken):
    """Hands what it was given to a shell."""

    name = "broken: asks a shell"

    def misbehave(self) -> None:
        """Ask."""
        os.system(str(self.corpus.canaries / "tool"))


class Evaluating(Broken):
    """Executes what it was given as Python."""

    name = "broken: evaluates"

    def misbehave(self) -> None:
        """Evaluate."""
        exec("config = 1")


class Importing(Broken):
    """Imports what it was given."""

    name = "broken: imports"

    def misbehave(self) -> None:
        """Import."""
        sys.path.insert(0, str(self.corpus.canaries))
        __import__("canary_module")


class Opening(Broken):
    """Opens the file that it was given."""

    name = "broken: opens"

    def misbehave(self) -> None:
        """Open."""
        with open(self.corpus.canaries / "tool", encoding="utf-8") as stream:
            stream.read()


class Looping(Broken):
    """Never ends."""

    name = "broken: loops"

    def misbehave(self) -> None:
        """Wait for nothing."""
        while True:
            with contextlib.suppress(Exception):
                continue


class Hoarding(Broken):
    """Takes all memory."""

    name = "broken: hoards"

    def misbehave(self) -> int:
        """Take it."""
        return len(bytearray(2 << 30))


BROKEN_CAMPAIGNS: dict[str, type[Campaign]] = {
    cls.name: cls for cls in (Raising, Chatty, Executing, Shelling, Evaluating, Importing, Opening, Looping, Hoarding)
}
