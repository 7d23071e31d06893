# SPDX-License-Identifier: Apache-2.0
"""The packages of the operating system: dpkg's, rpm's or apk's, whichever keeps its books here.

dpkg's and apk's databases are plain text (deb-control(5), apk(5)). rpm's is a database of its own, so rpm is asked.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator

from ..errors import CollectorError
from ..model.components import OsPackage, OsPackages
from ..target import Target
from .base import Absent, Collected, Collector, Keep
from .bounded import read_bounded

__all__ = ("APK", "DPKG", "RPM", "OsPackagesCollector", "rpm_query")

DPKG = "var/lib/dpkg/status"
DPKG_PARTS = "var/lib/dpkg/status.d"
"""Images without a shell have one file a package here ("distroless")."""
RPM = (
    "var/lib/rpm/rpmdb.sqlite",
    "var/lib/rpm/Packages",
    "var/lib/rpm/Packages.db",
    "usr/lib/sysimage/rpm/rpmdb.sqlite",
)
APK = "lib/apk/db/installed"

_MAX_DATABASE = 1 << 27
_RPM_SECONDS = 60
_RPM_FORMAT = r"%{NAME}\t%|EPOCH?{%{EPOCH}:}:{}|%{VERSION}-%{RELEASE}\t%{ARCH}\n"
# Patterns as texts: they are compiled when a database has changed.
_DPKG_FIELDS = rb"(?m)^(Package|Status|Version|Architecture):[ \t]*(.*?)[ \t]*$"
_APK_FIELDS = rb"(?m)^([PVA]):(.*)$"


class OsPackagesCollector(Collector):
    """Reads the package manager's database.

    Parameters
    ----------
    root : `str`
        Where the paths begin.
    """

    kind = "os_packages"

    def __init__(self, root: str = "/") -> None:
        self._root = root

    def looked_at(self, target: Target) -> Iterable[str]:
        """Return the databases."""
        return [os.path.join(self._root, name) for name in (DPKG, DPKG_PARTS, *RPM, APK)]

    def collect(self, target: Target, keep: Keep) -> Collected:
        """Return the installed packages."""
        for manager, read in (("dpkg", self._dpkg), ("rpm", self._rpm), ("apk", self._apk)):
            packages = list(read())
            if packages:
                packages.sort(key=lambda one: (one.name, one.architecture or "", one.version))
                return Collected(OsPackages(manager=manager, packages=packages))
        raise Absent("neither dpkg nor rpm nor apk has installed anything here")

    def _dpkg(self) -> Iterator[OsPackage]:
        for data in self._dpkg_databases():
            for paragraph in data.split(b"\n\n"):
                fields = dict(re.findall(_DPKG_FIELDS, paragraph))
                # One that was removed may have left its configuration, and its paragraph.
                if fields and fields.get(b"Status", b"installed").split()[-1] == b"installed":
                    yield _package(fields, b"Package", b"Version", b"Architecture", DPKG)

    def _dpkg_databases(self) -> Iterator[bytes]:
        if (data := self._read(DPKG)) is not None:
            yield data
        parts = os.path.join(self._root, DPKG_PARTS)
        try:
            names = sorted(os.listdir(parts))
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as err:
            raise CollectorError(f"{parts}: {err.strerror or err}") from err
        for name in names:
            if not name.endswith(".md5sums") and (data := self._read(os.path.join(DPKG_PARTS, name))) is not None:
                yield data

    def _rpm(self) -> Iterator[OsPackage]:
        query = rpm_query(self._root)
        if query is None:
            return
        import subprocess

        command = [*query, "--all", "--queryformat", _RPM_FORMAT]
        try:
            done = subprocess.run(command, capture_output=True, timeout=_RPM_SECONDS, check=True)
        except FileNotFoundError:
            raise CollectorError("there is a database of rpm, but no rpm to read it") from None
        except (OSError, subprocess.SubprocessError) as err:
            raise CollectorError(f"rpm does not tell what is installed: {err}") from err
        for line in done.stdout.decode("utf-8", "replace").splitlines():
            name, version, architecture = line.split("\t")
            # Keys that signatures are checked with are kept among the packages, with no architecture.
            if architecture != "(none)":
                yield OsPackage(name=name, version=version, architecture=architecture)

    def _apk(self) -> Iterator[OsPackage]:
        for paragraph in (self._read(APK) or b"").split(b"\n\n"):
            if fields := dict(re.findall(_APK_FIELDS, paragraph)):
                yield _package(fields, b"P", b"V", b"A", APK)

    def _read(self, name: str) -> bytes | None:
        try:
            return read_bounded(os.path.join(self._root, name), _MAX_DATABASE)
        except (FileNotFoundError, NotADirectoryError):
            return None


def rpm_query(root: str) -> list[str] | None:
    """Return the beginning of a command that asks the database of rpm below a directory; `None` if there is none.

    Where rpm keeps its database is a setting of each distribution's, so the one that is there is named.
    """
    for name in RPM:
        if os.path.exists(os.path.join(root, name)):
            return ["rpm", "--root", os.path.abspath(root), "--dbpath", f"/{os.path.dirname(name)}", "--query"]
    return None


def _package(fields: dict[bytes, bytes], name: bytes, version: bytes, architecture: bytes, source: str) -> OsPackage:
    found = {key: fields[key].decode("utf-8", "replace") for key in (name, version, architecture) if fields.get(key)}
    if name not in found or version not in found:
        raise CollectorError(f"{source}: a package without a name or a version")
    return OsPackage(name=found[name], version=found[version], architecture=found.get(architecture))
