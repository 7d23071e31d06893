# SPDX-License-Identifier: Apache-2.0
"""Brings together the packages of a prefix: kept ones, and what can be fetched from where they were installed from."""

from __future__ import annotations

import os
import shutil
import urllib.error
import urllib.request
from collections.abc import Iterable, Sequence

from envcap.memo import cache_dir
from envcap.redact import scrub

from ..errors import BuildError
from ..kept import KeptFiles
from .packages import LockedPackage

__all__ = ("CondaGatherer", "kept_packages")

_SECONDS = 60
_OFFLINE = "its package is not here, and nothing is fetched (--offline)"
_NO_URL = "it was installed by an address that held a credential, and its package is not here"


def kept_packages() -> KeptFiles:
    """Return the user's kept packages of conda's."""
    return KeptFiles(os.path.join(cache_dir(), "conda"))


class CondaGatherer:
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

    def lacking(self, packages: Iterable[LockedPackage]) -> list[LockedPackage]:
        """Return the packages that aren't kept."""
        return [one for one in packages if self._kept.find(one.sha256, one.md5) is None]

    def gather(self, packages: Sequence[LockedPackage]) -> tuple[dict[LockedPackage, str], dict[LockedPackage, str]]:
        """Return the digests of packages, and why it can't be had of each that isn't among them."""
        reasons = {}
        for one in self.lacking(packages):
            try:
                self._fetch(one)
            except BuildError as err:
                reasons[one] = str(err)
        found = {one: digest for one in packages if (digest := self._kept.find(one.sha256, one.md5)) is not None}
        return found, reasons

    def _fetch(self, one: LockedPackage) -> None:
        if one.url is None:
            raise BuildError(_NO_URL)
        if self._offline:
            raise BuildError(_OFFLINE)
        scratch = self._kept.scratch()
        try:
            path = scratch / one.file_name
            # The grammar of a URL allows http, https and file, and the digest decides what is taken.
            with urllib.request.urlopen(one.url, timeout=_SECONDS) as answer, open(path, "wb") as stream:  # noqa: S310
                shutil.copyfileobj(answer, stream)
            self._kept.adopt(path, one.sha256, one.md5)
        except (urllib.error.URLError, TimeoutError, ConnectionError) as err:
            raise BuildError(f"{scrub(one.url)}: {getattr(err, 'reason', err)}") from err
        except OSError as err:
            raise BuildError(f"{err.filename or scratch}: {err.strerror or err}") from err
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
