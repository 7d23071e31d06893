# SPDX-License-Identifier: Apache-2.0
"""Names of HDUs: what compares files, and what shows their differences, call them the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .difference import unique_names

__all__ = ("hdu_names",)


def hdu_names(hdus: Sequence[Any]) -> list[str]:
    """Return a name for each HDU: ``PRIMARY``, ``IMAGE``, ``IMAGE,2`` (by EXTVER), ``IMAGE#2`` (repeated).

    Parameters
    ----------
    hdus : `astropy.io.fits.HDUList`
    """
    names = ["PRIMARY", *(hdu.name or "(unnamed)" for hdu in hdus[1:])]
    versions = ["" if hdu.ver == 1 else f",{hdu.ver}" for hdu in hdus]
    return unique_names(name + version for name, version in zip(names, versions, strict=True))
