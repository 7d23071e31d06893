# SPDX-License-Identifier: Apache-2.0
"""Brings together the packages of a prefix: kept ones, and what can be fetched from where they were installed from."""

from __future__ import annotations

import os
import shutil
import urllib.error
import urllib.request

from envcap.memo import cache_dir
from envcap.redact import scrub

from ..errors import BuildError
from ..gathering import Gatherer
from ..kept import KeptFiles
from .packages import LockedPackage

__all__ = ("CondaGatherer", "kept_packages")

_SECONDS = 60
_NO_URL = "it was installed by an address that held a credential, and its package is not here"


def kept_packages() -> KeptFiles:
    """Return the user's kept packages of conda's."""
    return KeptFiles(os.path.join(cache_dir(), "conda"))


class CondaGatherer(Gatherer[LockedPackage]):
    """Gathers packages of conda's from where they were installed from."""

    def find(self, one: LockedPackage) -> str | None:
        """Return the digest of a package that is kept."""
        return self.kept.find(one.sha256, one.md5)

    def fetch(self, one: LockedPackage) -> None:
        """Fetch a package by its address; its captured digest decides what is taken."""
        if one.url is None:
            raise BuildError(_NO_URL)
        scratch = self.kept.scratch()
        try:
            path = scratch / one.file_name
            # The grammar of a URL allows http, https and file.
            with urllib.request.urlopen(one.url, timeout=_SECONDS) as answer, open(path, "wb") as stream:  # noqa: S310
                shutil.copyfileobj(answer, stream)
            self.kept.adopt(path, one.sha256, one.md5)
        except (urllib.error.URLError, TimeoutError, ConnectionError) as err:
            raise BuildError(f"{scrub(one.url)}: {getattr(err, 'reason', err)}") from err
        except OSError as err:
            raise BuildError(f"{err.filename or scratch}: {err.strerror or err}") from err
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
