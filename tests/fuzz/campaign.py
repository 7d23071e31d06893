# SPDX-License-Identifier: Apache-2.0
"""A campaign: how hostile inputs of one kind are made, and which readers they are fed to."""

from __future__ import annotations

import io
import shutil
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from envcap.errors import EnvcapError
from tests.fuzz.corpus import Corpus
from tests.fuzz.guard import MEMORY, Guard, Violation, check_message
from tests.fuzz.mutate import Mutator

__all__ = ("Campaign", "command", "feed")

_T = TypeVar("_T")
_STATUSES = (0, 1, 2, 3)


class Campaign(ABC):
    """Makes inputs and feeds them to readers.

    Attributes
    ----------
    name : `str`
    cases : `int`
        How many of them `make test` has time for.
    pool : sequence of `bytes`
        Good inputs, which bad ones are made of.
    memory : `int`
        Most that the process may map, in bytes.
    """

    name: str
    cases: int
    pool: Sequence[bytes] = ()
    memory: int = MEMORY

    def __init__(self, corpus: Corpus, guard: Guard, scratch: Path) -> None:
        self.corpus = corpus
        self.guard = guard
        self.scratch = scratch

    @abstractmethod
    def good(self) -> Any:
        """Return an input that nothing was done to; all readers must take it."""

    @abstractmethod
    def make(self, mutator: Mutator) -> Any:
        """Return a hostile input. This isn't watched."""

    @abstractmethod
    def read(self, given: Any) -> None:
        """Feed an input to the readers. This is watched."""

    def fresh(self) -> Path:
        """Return a path in the scratch directory where nothing is."""
        path = self.scratch / "given"
        shutil.rmtree(path, ignore_errors=True)
        return path


def feed(reader: Callable[..., _T], *given: object) -> _T | None:
    """Return what a reader returns; `None` if it refuses as it should: with a documented error of one line."""
    try:
        return reader(*given)
    except EnvcapError as err:
        check_message(err)
        return None


def command(main: Callable[[], None], *words: str) -> int:
    """Return the exit status of a command that is run in this process, having looked at what it prints."""
    with _standard_streams() as (out, err):
        given, sys.argv = sys.argv, ["fuzz", *words]
        try:
            main()
            status: object = 0
        except SystemExit as end:
            status = end.code
        finally:
            sys.argv = given
    told = err.buffer.getvalue().decode() + ("" if "--json" in words else out.buffer.getvalue().decode())
    if status not in _STATUSES or "Traceback" in told:
        raise Violation(f"{words} ends with {status}: {told[-600:]}")
    if not all(character.isprintable() or character == "\n" for character in told):
        raise Violation(f"{words} sends control characters to the terminal: {told!r:.600}")
    return int(str(status))


class _Stream(io.TextIOWrapper):
    """A standard stream as Python makes it."""

    buffer: io.BytesIO


@contextmanager
def _standard_streams() -> Iterator[tuple[_Stream, _Stream]]:
    made = _Stream(io.BytesIO(), "utf-8", "strict"), _Stream(io.BytesIO(), "utf-8", "backslashreplace")
    given = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = made
    try:
        yield made
    finally:
        sys.stdout, sys.stderr = given
        for stream in made:
            stream.flush()
