# SPDX-License-Identifier: Apache-2.0
"""The sandbox of the engine ``venv``, where bubblewrap is installed: this host, read-only, without a network.

It needs no privileges, and it has no limits on memory and on the number of processes: those take control groups.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from collections.abc import Iterator

from envcap.trust.key import config_dir, key_path

from .base import Limits, Process, Program, Sandbox
from .unconfined import start_local

__all__ = ("Bubblewrap",)

_SECONDS = 10


@functools.cache
def _program() -> str | None:
    """Return the path of a bubblewrap that works here: a kernel may refuse user namespaces."""
    program = shutil.which("bwrap")
    if program is None:
        return None
    command = [program, "--ro-bind", "/", "/", "--unshare-all", "--proc", "/proc", "--dev", "/dev", "true"]
    try:
        return program if subprocess.run(command, capture_output=True, timeout=_SECONDS).returncode == 0 else None
    except (OSError, subprocess.TimeoutExpired):
        return None


class Bubblewrap(Sandbox):
    """Runs programs in namespaces of their own, on a read-only view of this host."""

    alone = True

    @classmethod
    def found(cls, limits: Limits) -> Bubblewrap | None:
        """Return the sandbox, `None` where bubblewrap isn't installed or doesn't work."""
        return cls(limits) if _program() else None

    def start(self, program: Program) -> Process:
        """Start a program."""
        return start_local(program, [*self._options(program), "--", *program.command])

    def _options(self, program: Program) -> Iterator[str]:
        yield _program() or "bwrap"
        yield from ("--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc")
        for folder in ("/tmp", "/var/tmp", "/dev/shm", "/run"):  # noqa: S108
            yield from ("--tmpfs", folder)
        for secret in (config_dir(), os.path.dirname(key_path())):
            # The key that seals what this user captures: a payload could forge with it.
            if os.path.isdir(secret):
                yield from ("--tmpfs", secret)
        for mount in program.mounts:
            yield from ("--bind" if mount.writable else "--ro-bind", mount.source, mount.target)
        yield from ("--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL")
        if program.network:
            yield "--share-net"
        yield from ("--chdir", program.folder)

    def describe(self) -> str:
        """Return what it holds a payload to."""
        return (
            f"bubblewrap: this host read-only, no network, own processes, at most {self.limits.seconds} s "
            "(without limits on memory and processes, which take --engine docker or podman)"
        )
