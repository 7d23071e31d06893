# SPDX-License-Identifier: Apache-2.0
"""Distributions in a rebuilt environment: prove them, and copy those that no index has from where they still stand."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterable

from envcap.collectors.installed_files import has_digest
from envcap.collectors.python_dists import InstalledDistribution, installed_distributions, normalised_record, record_rows
from envcap.errors import EnvcapError

__all__ = ("copy_installed", "record_digest", "records")


def records(site: str) -> dict[str, InstalledDistribution]:
    """Return the distributions in a directory by name."""
    return {found.name: found for found in installed_distributions([site])}


def record_digest(found: InstalledDistribution) -> str | None:
    """Return the normalised RECORD digest of an installed distribution; `None` if it has no RECORD."""
    text = found.read_record()
    return None if text is None else normalised_record(text)


def _claims(site: str) -> dict[str, set[str]]:
    """Return the hashes that RECORDs claim for each file of a library directory.

    Distributions that share a namespace package may each claim its ``__init__.py``, with different content; the one
    that was installed last is there, and that is as good as any.
    """
    claims: dict[str, set[str]] = {}
    for found in installed_distributions([site]):
        for path, digest, _ in record_rows(found.read_record() or ""):
            if digest and not path.startswith("../"):
                claims.setdefault(path, set()).add(digest)
    return claims


def _has_any(path: str, digests: Iterable[str]) -> bool:
    pairs = (digest.partition("=") for digest in digests)
    return any(has_digest(path, algorithm, value) for algorithm, _, value in pairs)


def copy_installed(name: str, wanted: str | None, origins: Iterable[str], site: str) -> bool:
    """Copy a distribution from the first place where it still stands as captured; return whether there was one.

    Parameters
    ----------
    name : `str`
    wanted : `str` or `None`
        Its captured normalised RECORD digest.
    origins : iterable of `str`
        Library directories to look in.
    site : `str`
        The library directory to copy to.
    """
    for origin in origins:
        try:
            found = records(origin).get(name)
            if found is not None and wanted is not None and record_digest(found) == wanted:
                return _copy(found, origin, site)
        except OSError as err:
            if err.errno == errno.ENOSPC:
                raise
        except EnvcapError:
            continue
    return False


def _copy(found: InstalledDistribution, origin: str, site: str) -> bool:
    claims = _claims(origin)
    for path, digest, _ in record_rows(found.read_record() or ""):
        source, target = (os.path.normpath(os.path.join(top, path)) for top in (origin, site))
        if path.startswith("../") or not target.startswith(site + os.sep) or path.endswith(".pyc"):
            continue
        if digest and not _has_any(source, claims.get(path, {digest})):
            return False
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copyfile(source, target)
    return True
