# SPDX-License-Identifier: Apache-2.0
"""Brings together the files of Debian packages: kept ones, and what this host's apt still finds in its archive."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from envcap.memo import cache_dir
from envcap.model.components import OsPackage, OsPackages
from envcap.redact import scrub

from .. import grammar
from ..errors import BuildError
from ..grammar import checked
from ..kept import KeptFiles

__all__ = ("DebGatherer", "LockedDeb", "kept_debs", "locked_debs")

_SECONDS = 600
_OFFLINE = "its package is not here, and nothing is fetched (--offline)"
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


class DebGatherer:
    """Gathers packages.

    Parameters
    ----------
    kept : `KeptFiles`
    offline : `bool`
        Fetch nothing.
    """

    def __init__(self, kept: KeptFiles, *, offline: bool) -> None:
        self._kept = kept
        self._offline = offline

    def lacking(self, packages: Iterable[LockedDeb]) -> list[LockedDeb]:
        """Return the packages that aren't kept."""
        return [one for one in packages if self._kept.named(one.file_name) is None]

    def without_gone(self, packages: Sequence[LockedDeb]) -> list[LockedDeb]:
        """Return the packages without those that lately could not be had, and for which another version does."""
        return [one for one in packages if one.instead is None or not self._is_gone(one)]

    def _is_gone(self, one: LockedDeb) -> bool:
        if self._kept.named(one.file_name) is not None:
            return False
        return self._offline or self._kept.lacked(one.file_name, _RETRY_SECONDS)

    def gather(self, packages: Sequence[LockedDeb]) -> tuple[Mapping[LockedDeb, str], Mapping[LockedDeb, str]]:
        """Return the digests of packages, and why it can't be had of each that isn't among them."""
        reasons = {}
        for one in self.lacking(packages):
            try:
                self._fetch(one)
            except BuildError as err:
                reasons[one] = str(err)
                if not self._offline:
                    self._kept.note_lack(one.file_name)
        found = {one: digest for one in packages if (digest := self._kept.named(one.file_name)) is not None}
        return found, reasons

    def _fetch(self, one: LockedDeb) -> None:
        if self._offline:
            raise BuildError(_OFFLINE)
        scratch = self._kept.scratch()
        try:
            # apt holds it against its archive's signed index.
            command = ["apt-get", "download", "--quiet", f"{one.name}:{one.architecture}={one.version}"]
            done = subprocess.run(command, cwd=scratch, capture_output=True, text=True, timeout=_SECONDS, check=False)
            path = scratch / one.file_name
            if done.returncode or not path.is_file():
                said = " ".join(line for line in done.stderr.splitlines() if line.startswith("E:"))
                raise BuildError(f"apt does not give it any more: {scrub(said)[:_MAX_REASON]}")
            self._kept.adopt(path, None, None, name=one.file_name)
        except FileNotFoundError:
            raise BuildError("there is no apt on this machine to fetch it with") from None
        except (OSError, subprocess.TimeoutExpired) as err:
            raise BuildError(f"apt-get download: {err}") from err
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
