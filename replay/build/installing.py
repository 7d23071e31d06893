# SPDX-License-Identifier: Apache-2.0
"""Installs distributions into an environment, by uv: from kept wheels, else from the index, each held to what was proved."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from contextlib import suppress

from envcap.artifacts.proof import known_artifact
from envcap.model.components import Distribution
from envcap.redact import scrub

from ..errors import BuildError
from ..wheels.wheelhouse import Wheel
from .base import wheelhouse
from .interpreter import uv_program

__all__ = ("UnreachableError", "install", "install_wheels", "kept_wheels", "run_uv")

_SECONDS = 1800
_MAX_REASON = 240


class UnreachableError(BuildError):
    """The package index doesn't answer."""


class _FullDiskError(BuildError):
    """There is no room for the environment."""


def kept_wheels(wanted: Iterable[Distribution]) -> tuple[list[Wheel], list[Distribution]]:
    """Return the wheels that are in the wheelhouse, and the distributions that have none there."""
    house = wheelhouse()
    found = [(one, house.find(one)) for one in wanted]
    return [wheel for _, wheel in found if wheel is not None], [one for one, wheel in found if wheel is None]


def install_wheels(folder: str, wheels: Sequence[Wheel]) -> None:
    """Install kept wheels, which need no index."""
    if not wheels:
        return
    house = wheelhouse()
    scratch = house.scratch()
    try:
        paths = [str(house.export(wheel, scratch)) for wheel in wheels]
        copied = ("--link-mode", "copy", "--python", folder)
        run_uv("pip", "install", "--quiet", "--offline", "--no-index", "--no-deps", *copied, "--", *paths)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def install(folder: str, wanted: Sequence[Distribution]) -> list[Distribution]:
    """Install distributions and return those that no index has, found by halving, since uv stops at the first."""
    if not wanted:
        return []
    pins = f"{folder}.requirements.txt"
    try:
        with open(pins, "w", encoding="utf-8") as stream:
            stream.writelines(f"{_pin(one)}\n" for one in wanted)
        # Copies, not hard links: a file edited in place must not change uv's own cache.
        copied = ("--link-mode", "copy", "--python", folder)
        run_uv("pip", "install", "--quiet", "--no-deps", "--verify-hashes", *copied, "--requirements", pins)
    except (UnreachableError, _FullDiskError):
        raise  # no matter what is asked for
    except BuildError:
        if len(wanted) == 1:
            return list(wanted)
        middle = len(wanted) // 2
        return install(folder, wanted[:middle]) + install(folder, wanted[middle:])
    finally:
        with suppress(FileNotFoundError):
            os.unlink(pins)
    return []


def _pin(one: Distribution) -> str:
    """Return a distribution's name and version, with the digest of its file where that was proved."""
    known = known_artifact(one.name, one.version, one.record)
    digest = f" --hash=sha256:{known.sha256}" if known is not None and known.sha256 is not None else ""
    return f"{one.name}=={one.version}{digest}"


def run_uv(*arguments: str) -> None:
    environ = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH")}
    environ["UV_PYTHON_DOWNLOADS"] = "never"
    try:
        done = subprocess.run(
            [uv_program(), *arguments], capture_output=True, env=environ, timeout=_SECONDS, check=False, text=True
        )
    except subprocess.TimeoutExpired:
        raise BuildError(f"uv {arguments[0]} takes more than {_SECONDS} s") from None
    if done.returncode:
        lines = [scrub(line.strip()) for line in done.stderr.splitlines() if line.strip()]
        if "(os error 28)" in done.stderr:
            raise _FullDiskError(f"{lines[-1][-_MAX_REASON:]}; ENVCAP_CACHE and UV_CACHE_DIR name other places")
        reason = f"uv {' '.join(arguments[:2])}: {' '.join(lines)[:_MAX_REASON]}"
        if "error sending request" in done.stderr:
            raise UnreachableError(f"the package index can't be reached, and the environment not be copied: {reason}")
        raise BuildError(reason)
