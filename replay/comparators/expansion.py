# SPDX-License-Identifier: Apache-2.0
"""Files that are small and unpack to more than a machine has: refused before anything is unpacked."""

from __future__ import annotations

from pathlib import Path

from .base import ComparisonError

__all__ = ("check_expansion",)

_HARMLESS = 1 << 30
"""What may always be unpacked, in bytes."""
_MOST = 1100
"""Most that an honest file grows by: DEFLATE, as in gzip, HDF5 and NPZ files, packs at most 1032 bytes into one."""


def check_expansion(path: Path, what: str, size: int) -> None:
    """Refuse what would unpack to far more than the file holds.

    Parameters
    ----------
    path : `pathlib.Path`
        The file.
    what : `str`
        What of it.
    size : `int`
        In bytes, unpacked.

    Raises
    ------
    ComparisonError
        Raised if the size is more than 1 GiB and more than 1100 times the file's.
    """
    stored = path.stat().st_size
    if size > max(_HARMLESS, stored * _MOST):
        raise ComparisonError(path, f"{what} would unpack to {size} bytes from a file of {stored}: not read")
