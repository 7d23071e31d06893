# SPDX-License-Identifier: Apache-2.0
"""Installs what the tests need from the system's packages, where that is possible; else says what lacks.

``python -m tests.services.packages`` installs all of it. `make test` does so first: packages that come while tests run
change the software that others capture. Tests run in several processes: one installs at a time.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import pytest

__all__ = ("PARTS", "install_packages", "lacking", "need", "unchanging", "unpack_package")

PARTS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "a Docker engine": (
        ("dockerd", "docker-registry", "mmdebstrap"),
        ("docker.io", "docker-registry", "mmdebstrap", "iptables", "ca-certificates"),
    ),
    "podman": (
        ("podman", "catatonit", "runc", "mmdebstrap"),
        ("podman", "catatonit", "runc", "mmdebstrap", "ca-certificates"),
    ),
    "PostgreSQL": (("pg_lsclusters",), ("postgresql",)),
    "Slurm": (("slurmctld", "slurmd", "sbatch", "munged"), ("slurm-wlm", "munge")),
    "Chromium": (("chromium",), ("chromium", "fonts-dejavu-core")),
    "dpkg": (("dpkg-query",), ("dpkg",)),
    "rpm": (("rpm", "rpmbuild"), ("rpm",)),
    "strace": (("strace",), ("strace",)),
}
"""Programs that must be on PATH, and the Debian packages that bring them, by what needs them."""

_LOCK = os.path.join(tempfile.gettempdir(), f"envcap-test-packages-{os.getuid()}.lock")


def need(what: str) -> None:
    """See to it that a part is there: install its packages, or end the test (in CI it fails, else it is skipped)."""
    programs, packages = PARTS[what]
    if all(map(shutil.which, programs)):
        return
    why = install_packages(*packages)
    missing = [name for name in programs if shutil.which(name) is None]
    if not missing:
        return
    lacking(f"{what} lacks {', '.join(missing)}: {why or 'its packages bring no such program'}")


def lacking(told: str) -> NoReturn:
    """End the test for want of a part of the system: in CI it fails, else it is skipped."""
    if os.environ.get("CI"):
        pytest.fail(told)
    pytest.skip(told)


def install_packages(*packages: str) -> str | None:
    """Return why Debian packages could not be installed, `None` if they were."""
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return "only root can install it, on Debian: apt-get install " + " ".join(packages)
    return _apt_get("install", "-y", "-q", "--no-install-recommends", *packages)


def unpack_package(package: str, folder: Path) -> str | None:
    """Unpack a Debian package into a directory, and install nothing; return why that can't be, `None` if it was."""
    if shutil.which("apt-get") is None:
        return "this is no Debian"
    folder.chmod(0o777)  # apt downloads as a user of its own
    if (why := _apt_get("download", "-q", package, cwd=folder)) is not None:
        return why
    (archive,) = folder.glob("*.deb")
    subprocess.run(["dpkg", "--extract", archive, folder], check=True)
    return None


def _apt_get(*command: str, cwd: Path | None = None) -> str | None:
    """Run apt-get with today's list of packages; return why it failed, `None` if it did not."""
    environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    with _locked(fcntl.LOCK_EX):
        for words in (("update", "-q"), command):
            line = ["apt-get", *words]
            done = subprocess.run(line, cwd=cwd, env=environ, capture_output=True, text=True, check=False)
            if done.returncode:
                return f"apt-get {words[0]}: {done.stderr.strip()[-300:]}"
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


def main() -> None:
    """Install what lacks; what can't be installed, tests tell."""
    missing = [packages for programs, packages in PARTS.values() if not all(map(shutil.which, programs))]
    if missing and os.geteuid() == 0 and shutil.which("apt-get"):
        names = sorted({name for packages in missing for name in packages})
        sys.stderr.write(f"installing Debian packages that tests need: {' '.join(names)} …\n")
        if why := install_packages(*names):
            sys.stderr.write(f"{why}\n")


if __name__ == "__main__":
    main()
