# SPDX-License-Identifier: Apache-2.0
"""Find a Python of a captured version on this machine. Nothing is downloaded."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from ..jobs.base import CapturedJob
from ..errors import BuildError
from ..fidelity import Fidelity, Layer

__all__ = ("FoundPython", "find_python", "interpreter_layer", "interpreter_places", "uv_program")

_SECONDS = 30
_VERSION = re.compile(r"[0-9]+\.[0-9]+(\.[0-9]+)?([a-z0-9]+)?\+?")
_NAME = re.compile(r"python[0-9.]*t?")


@dataclass(frozen=True)
class FoundPython:
    """An interpreter on this machine and its exact version."""

    path: str
    version: str


def uv_program() -> str:
    """Return the path of uv.

    Raises
    ------
    BuildError
        If uv isn't installed.
    """
    try:
        from uv import find_uv_bin
    except ImportError:
        raise BuildError("the venv engine needs uv: pip install 'envcap[replay]'") from None
    try:
        return str(find_uv_bin())
    except FileNotFoundError as err:
        raise BuildError(f"the venv engine needs uv, and its program is missing: {err}; reinstall it") from err


def find_python(job: CapturedJob) -> FoundPython | None:
    """Return the interpreter closest to the captured one: the same version, else the same minor version."""
    wanted = job.interpreter.version
    if not _VERSION.fullmatch(wanted):
        return None
    minor = ".".join(wanted.split(".")[:2])
    found: FoundPython | None = None
    for candidate in _candidates(job, wanted, minor):
        version = _version(candidate)
        if version == wanted:
            return FoundPython(candidate, version)
        if found is None and version is not None and version.startswith(minor + "."):
            found = FoundPython(candidate, version)
    return found


def interpreter_layer(job: CapturedJob, found: FoundPython | None) -> Layer:
    """Return how close an interpreter is to the captured one."""
    wanted = job.interpreter
    name = f"{wanted.implementation} {wanted.version}"
    if found is None:
        minor = ".".join(wanted.version.split(".")[:2])
        return Layer("interpreter", Fidelity.IMPOSSIBLE, f"no Python {minor} on this machine; install {name}")
    if found.version == wanted.version:
        return Layer("interpreter", Fidelity.REBUILT, f"{name} at {found.path}")
    return Layer("interpreter", Fidelity.SUBSTITUTED, f"{found.version} at {found.path} instead of {wanted.version}")


def interpreter_places(found: FoundPython) -> list[str]:
    """Return the directory of this host that an interpreter and its library are in."""
    return [os.path.dirname(os.path.dirname(os.path.realpath(found.path)))]


def _candidates(job: CapturedJob, wanted: str, minor: str) -> Iterator[str]:
    """Yield interpreters, the likeliest first; uv is asked only if those won't do."""
    captured = job.place("interpreter", "executable")
    if isinstance(captured, str) and "\0" not in captured and _NAME.fullmatch(os.path.basename(os.path.realpath(captured))):
        yield os.path.realpath(captured)
    yield os.path.realpath(sys.executable)
    for version in (wanted, minor):
        if found := _ask_uv(version):
            yield found


def _version(python: str) -> str | None:
    try:
        done = subprocess.run(
            [python, "-I", "-S", "-c", "import sys; print(sys.version.split()[0])"],
            capture_output=True,
            timeout=_SECONDS,
            check=True,
            text=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _ask_uv(version: str) -> str | None:
    command = [uv_program(), "python", "find", "--no-python-downloads", "--no-project", "--system", version]
    try:
        done = subprocess.run(command, capture_output=True, timeout=_SECONDS, check=False, text=True)
    except subprocess.TimeoutExpired:
        return None
    return os.path.realpath(done.stdout.strip()) if done.returncode == 0 and done.stdout.strip() else None
