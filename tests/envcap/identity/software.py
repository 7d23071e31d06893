# SPDX-License-Identifier: Apache-2.0
"""What the tests of identity share: a target in some software, its digests, another user, other orders of files."""

from __future__ import annotations

import json
import os
import random
import traceback
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from envcap.environment import Environment
from envcap.target import Target

__all__ = ("NOBODY", "Shuffled", "as_nobody", "digests", "target_in", "write")

NOBODY = 65534
"""User and group that own nothing."""


def write(path: Path, text: str) -> None:
    """Write a file, and make its directory."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def target_in(top: Path, environ: dict[str, str]) -> Target:
    """Return the target of a script run by the software's Python."""
    path = os.pathsep.join((str(top / "stack"), str(top / "loose")))
    argv = [str(top / "venv" / "bin" / "python"), str(top / "job.txt")]
    return Target.of_command(argv, {**environ, "PYTHONPATH": path})


def digests(environment: Environment) -> dict[str, str]:
    """Return the digests of the software components; nothing may have failed."""
    assert not environment.degraded, environment.outcomes
    return {kind: d.digest for kind, d in environment.software.items()}


def as_nobody(act: Callable[[], Environment], scratch: Path) -> dict[str, str]:
    """Return the digests of what another user captures, in a fork of this process."""
    reader, writer = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the thread that speaks to pytest's scheduler does no harm
        pid = os.fork()
    if pid == 0:
        try:
            os.environ["HOME"] = os.environ["TMPDIR"] = str(scratch)
            os.chdir("/")
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            os.write(writer, json.dumps(digests(act())).encode())
        except BaseException:  # noqa: BLE001  (whatever it is, the parent tells it)
            os.write(writer, traceback.format_exc().encode()[-4000:])
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as stream:
        said = stream.read()
    os.waitpid(pid, 0)
    assert said.startswith("{"), said
    return dict(json.loads(said))


class Shuffled:
    """Lists directories in another order each time, as file systems may."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
        self._random = random.Random(seed)
        self._listdir, self._scandir = os.listdir, os.scandir
        self.calls = 0
        monkeypatch.setattr(os, "listdir", self.listdir)
        monkeypatch.setattr(os, "scandir", self.scandir)

    def listdir(self, path: Any = ".") -> list[Any]:
        self.calls += 1
        return self._shuffled(self._listdir(path))

    def scandir(self, path: Any = ".") -> Any:
        self.calls += 1
        with self._scandir(path) as entries:
            return _Entries(self._shuffled(list(entries)))

    def _shuffled(self, found: list[Any]) -> list[Any]:
        self._random.shuffle(found)
        return found


class _Entries:
    """What `os.scandir` returns."""

    def __init__(self, entries: list[Any]) -> None:
        self._entries = iter(entries)

    def __enter__(self) -> Iterator[Any]:
        return self._entries

    def __exit__(self, *_: object) -> None: ...

    def __iter__(self) -> Iterator[Any]:
        return self._entries

    def __next__(self) -> Any:
        return next(self._entries)

    def close(self) -> None: ...
