# SPDX-License-Identifier: Apache-2.0
"""Installs what the tests' services need from the system's packages, where that is possible; else says what lacks.

Tests run in several processes: one installs at a time, and none while a test wants the system to stay as it is.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

__all__ = ("install_packages", "need", "unchanging")

_LOCK = os.path.join(tempfile.gettempdir(), f"envcap-test-packages-{os.getuid()}.lock")


def need(what: str, programs: tuple[str, ...], packages: tuple[str, ...]) -> None:
    """See to it that programs are there: install their packages, or end the test (in CI it fails, else it is skipped).

    Parameters
    ----------
    what : `str`
        For the message.
    programs : `tuple` of `str`
        All must be on PATH.
    packages : `tuple` of `str`
        Debian packages that bring them.
    """
    if all(map(shutil.which, programs)):
        return
    why = install_packages(*packages)
    missing = [name for name in programs if shutil.which(name) is None]
    if not missing:
        return
    told = f"{what} lacks {', '.join(missing)}: {why or 'its packages bring no such program'}"
    if os.environ.get("CI"):
        pytest.fail(told)
    pytest.skip(told)


def install_packages(*packages: str) -> str | None:
    """Return why Debian packages could not be installed, `None` if they were."""
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return "only root can install it, on Debian: apt-get install " + " ".join(packages)
    environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    with _locked(fcntl.LOCK_EX):
        for command in (["update", "-q"], ["install", "-y", "-q", "--no-install-recommends", *packages]):
            done = subprocess.run(["apt-get", *command], env=environ, capture_output=True, text=True, check=False)
            if done.returncode:
                return f"apt-get {command[0]}: {done.stderr.strip()[-300:]}"
    return None


@contextmanager
def unchanging() -> Iterator[None]:
    """See to it that no test installs packages meanwhile."""
    with _locked(fcntl.LOCK_SH):
        yield


@contextmanager
def _locked(how: int) -> Iterator[None]:
    with open(_LOCK, "a", encoding="ascii") as stream:
        fcntl.flock(stream, how)
        yield
