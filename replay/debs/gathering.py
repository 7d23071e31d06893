# SPDX-License-Identifier: Apache-2.0
"""Brings together the files of Debian packages: kept ones, and what this host's apt still finds in its archive."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from envcap.memo import cache_dir
from envcap.model.components import OsPackage, OsPackages
from envcap.redact import scrub

from .. import grammar
from ..errors import BuildError
from ..gathering import Gatherer
from ..grammar import checked
from ..kept import KeptFiles

__all__ = ("DebGatherer", "LockedDeb", "kept_debs", "locked_debs")

_SECONDS = 600
_MAX_REASON = 160
_RETRY_SECONDS = 86400


@dataclass(frozen=True)
class LockedDeb:
    """A package in one version. All that reaches a path or a program has been checked against its grammar.

    Attributes
    ----------
    name, version, architecture : `str`
    instead : `str` or `None`
        The version that there is where this one can't be had; `None` if there is none at all.
    """

    name: str
    version: str
    architecture: str
    instead: str | None = None

    @property
    def title(self) -> str:
        """Name and version."""
        return f"{self.name} {self.version}"

    @property
    def file_name(self) -> str:
        """The name that apt gives its file: an epoch's colon is escaped."""
        return f"{self.name}_{quote(self.version, safe='+~')}_{self.architecture}.deb".replace("%3A", "%3a")


def kept_debs() -> KeptFiles:
    """Return the user's kept packages of Debian's."""
    return KeptFiles(os.path.join(cache_dir(), "debs"))


def locked_debs(packages: Iterable[OsPackage], base: OsPackages | None = None) -> list[LockedDeb]:
    """Return packages as what can be fetched.

    Parameters
    ----------
    packages : iterable of `OsPackage`
    base : `OsPackages`, optional
        What there is already.

    Raises
    ------
    ReplayRefusedError
        Naming the field that is not what it should be.
    """
    versions = {(one.name, one.architecture): one.version for one in base.packages} if base is not None else {}
    return [
        LockedDeb(
            checked(f"os_packages: {one.name!r:.80}: name", one.name, grammar.DEB_NAME),
            checked(f"os_packages.{one.name:.80}.version", one.version, grammar.DEB_VERSION),
            checked(f"os_packages.{one.name:.80}.architecture", one.architecture, grammar.DEB_NAME),
            versions.get((one.name, one.architecture)),
        )
        for one in packages
    ]


class DebGatherer(Gatherer[LockedDeb]):
    """Gathers packages from the archive that this host's apt is configured with."""

    def find(self, one: LockedDeb) -> str | None:
        """Return the digest of a package that is kept."""
        return self.kept.named(one.file_name)

    def without_gone(self, packages: Sequence[LockedDeb]) -> list[LockedDeb]:
        """Return the packages without those that lately could not be had, and for which another version does."""
        return [one for one in packages if one.instead is None or not self._is_gone(one)]

    def _is_gone(self, one: LockedDeb) -> bool:
        return self.find(one) is None and (self.offline or self.kept.lacked(one.file_name, _RETRY_SECONDS))

    def fetch(self, one: LockedDeb) -> None:
        """Fetch a package by name and version; apt holds it against its archive's signed index."""
        scratch = self.kept.scratch()
        try:
            command = ["apt-get", "download", "--quiet", f"{one.name}:{one.architecture}={one.version}"]
            done = subprocess.run(command, cwd=scratch, capture_output=True, text=True, timeout=_SECONDS, check=False)
            path = scratch / one.file_name
            if done.returncode or not path.is_file():
                self.kept.note_lack(one.file_name)
                said = " ".join(line for line in done.stderr.splitlines() if line.startswith("E:"))
                raise BuildError(f"apt does not give it any more: {scrub(said)[:_MAX_REASON]}")
            self.kept.adopt(path, None, None, name=one.file_name)
        except FileNotFoundError:
            self.kept.note_lack(one.file_name)
            raise BuildError("there is no apt on this machine to fetch it with") from None
        except (OSError, subprocess.TimeoutExpired) as err:
            raise BuildError(f"apt-get download: {err}") from err
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
