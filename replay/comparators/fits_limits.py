# SPDX-License-Identifier: Apache-2.0
"""Headers of FITS files that count more than FITS can: astropy makes a list as long as they say, whatever follows."""

from __future__ import annotations

import gzip
from contextlib import suppress
from pathlib import Path
from typing import Any

from astropy.io import fits

from .base import ComparisonError

__all__ = ("check_headers",)

_MOST = 999
"""Most axes, and most columns, by the FITS standard 4.0 (sections 4.4.1 and 7.3.1)."""
_COUNTS = ("NAXIS", "TFIELDS", "ZNAXIS")
_GZIP = b"\x1f\x8b"


def check_headers(path: Path) -> None:
    """Refuse a file that is said to have more axes or columns than there can be.

    Parameters
    ----------
    path : `pathlib.Path`
        A FITS file, whole or packed by gzip. What else is wrong with it is left to its reader.

    Raises
    ------
    ComparisonError
        Raised if a header counts more.
    """
    with path.open("rb") as plain:
        packed = plain.read(len(_GZIP)) == _GZIP
    with gzip.open(path) if packed else path.open("rb") as file, suppress(OSError, EOFError, ValueError, KeyError):
        while True:
            header = fits.Header.fromfile(file)
            _check(path, header)
            file.seek(header.data_size_padded, 1)


def _check(path: Path, header: Any) -> None:
    groups = ("PCOUNT",) if header.get("GROUPS") is True else ()
    for keyword in (*_COUNTS, *groups):
        value = header.get(keyword)
        if isinstance(value, int) and value > _MOST:
            raise ComparisonError(path, f"{keyword} is {value}, and FITS has no more than {_MOST}")
