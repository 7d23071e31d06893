# SPDX-License-Identifier: Apache-2.0
"""Watches what readers do with hostile input: what they raise, run, import and open, how long and how much memory."""

from __future__ import annotations

import faulthandler
import os
import resource
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from envcap.errors import EnvcapError

__all__ = ("MEMORY", "SECONDS", "Guard", "Violation", "check_message", "limit_memory", "make_canaries")

SECONDS = 20
"""Longest that a case may take."""
MEMORY = 1500 << 20
"""Most memory that a process of readers may map, in bytes."""
_MAX_MESSAGE = 4000

_PROGRAMS = frozenset(
    {"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.startfile", "pty.spawn"}
)
_NEVER = frozenset({"os.fork", "os.forkpty", "socket.connect", "ctypes.dlopen", "code.__new__", "os.remove", "os.rename",
                    "os.rmdir", "shutil.rmtree", "os.kill", "os.putenv"})  # fmt: skip

# Sources of compiled modules, which make a code object, never run, for each line of theirs in a traceback.
_OF_CYTHON = (".pyx", ".pxi")


class Violation(BaseException):
    """A reader did what no reader may. No `Exception`, so that no reader can swallow it."""


class Guard:
    """Makes a `Violation` of what a reader may not do.

    Parameters
    ----------
    canaries : `Path`
        A directory from `make_canaries`: nothing in it may be opened, imported or run.
    seconds : `int`
        Longest that a case may take.
    """

    def __init__(self, canaries: Path, seconds: int = SECONDS) -> None:
        self._canaries = str(canaries)
        self._seconds = seconds
        self._active = False
        self._seen: list[str] = []
        self.may_run: Callable[[tuple[str, ...]], bool] = lambda words: False
        self.may_open = False
        self.may_change: tuple[str, ...] = ()
        sys.addaudithook(self._audit)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch what happens inside, for no longer than a case may take."""
        signal.signal(signal.SIGALRM, self._too_long)
        signal.setitimer(signal.ITIMER_REAL, self._seconds)
        faulthandler.dump_traceback_later(self._seconds + 10, exit=True)  # where no signal handler gets its turn
        self._active, self._seen = True, []
        try:
            yield
        finally:
            self._active = False
            signal.setitimer(signal.ITIMER_REAL, 0)
            faulthandler.cancel_dump_traceback_later()
        left = [name for name in os.listdir(self._canaries) if name.startswith("mark")]
        if self._seen or left:
            raise Violation(f"swallowed: {self._seen}; marks: {left}")

    def _too_long(self, *_: object) -> None:
        raise Violation(f"it takes more than {self._seconds} s")

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self._active and (told := self._told(event, arguments)):
            self._seen.append(told)
            raise Violation(told)

    def _told(self, event: str, arguments: tuple[Any, ...]) -> str | None:
        """Return what is wrong with an event; `None` if nothing is."""
        if event in _PROGRAMS:
            words = arguments[1] if event == "subprocess.Popen" else arguments[:1]
            words = (words,) if isinstance(words, str | bytes) else tuple(map(os.fsdecode, words))
            return None if self.may_run(words) else f"it runs {words!r:.300}"
        if event in ("os.remove", "os.rename", "os.rmdir") and self.may_change:
            paths = [os.path.realpath(os.path.dirname(one)) for one in arguments if isinstance(one, str)]
            if all(path.startswith(self.may_change) for path in paths):
                return None
        if event == "code.__new__" and str(arguments[1]).endswith(_OF_CYTHON):
            return None
        if event in _NEVER:
            return f"{event} {arguments!r:.300}"
        if event == "exec" and arguments[0].co_filename.startswith("<") and "frozen" not in arguments[0].co_filename:
            return f"it executes code from {arguments[0].co_filename}"
        if event == "import" and str(arguments[0]).startswith("canary"):
            return f"it imports {arguments[0]}"
        opened = event == "open" and not self.may_open and isinstance(arguments[0], str | bytes)
        return f"it opens {arguments[0]!r:.300}" if opened and self._canaries in os.fsdecode(arguments[0]) else None


def check_message(error: EnvcapError) -> None:
    """Raise `Violation` unless an error's message is one line that a terminal can be given."""
    message = str(error)
    if not message or len(message) > _MAX_MESSAGE or not message.isprintable():
        raise Violation(f"{type(error).__name__} is not one line: {message!r:.600}")


def limit_memory(size: int = MEMORY) -> None:
    """Let this process, and those that it starts, map no more than so many bytes."""
    resource.setrlimit(resource.RLIMIT_AS, (size, size))


def make_canaries(folder: Path) -> list[str]:
    """Make programs and modules that leave a mark when they run, and return texts that would have them run."""
    folder.mkdir(parents=True)
    for name in ("tool", "git", "uv", "sh"):
        (folder / name).write_text(f"#!/bin/sh\n: > '{folder}/mark-{name}'\nexit 1\n")
        (folder / name).chmod(0o755)
    for name in ("canary_module", "sitecustomize"):
        (folder / f"{name}.py").write_text(f"open({str(folder)!r} + '/mark-{name}', 'w').close()\n")
    tool = folder / "tool"
    return [
        str(tool), f"file://{tool}", str(folder), f"$({tool})", f"; {tool}", f"| {tool}", "canary_module", "canary_module.Config",
        f"ext::{tool}", f"--upload-pack={tool}", f"__import__('os').system({str(tool)!r})", f"{folder}/../canaries/tool",
    ]  # fmt: skip
