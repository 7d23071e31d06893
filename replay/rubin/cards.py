# SPDX-License-Identifier: Apache-2.0
"""What the middleware wrote into a file about itself: its own UUID, its quantum, the inputs that were read for it.

FITS files have it as HIERARCH cards (``LSST BUTLER INPUT 0 ID``). Parquet files have it in their schema's metadata
(``LSST.BUTLER.ID``) or, written from an astropy table, in the YAML that astropy keeps there. Pickle, YAML and JSON
files have nothing, nor have Parquet files written from a DataFrame (daf-butler 30.2026.4300).
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping

__all__ = ("provenance_cards",)

_PREFIX = "LSST BUTLER "
_YAML = re.compile(r"\bLSST\.BUTLER\.([A-Z0-9_.]+):\s+['\"]?([^'\"\s}]+)")


def provenance_cards(path: str) -> Mapping[str, str] | None:
    """Return the cards of a file by their name without its prefix (``ID``, ``QUANTUM``, ``INPUT 0 ID``).

    Returns
    -------
    cards : mapping or `None`
        Empty if the file carries none; `None` if it is neither FITS nor Parquet.

    Raises
    ------
    OSError, ValueError
        If it can't be read.
    """
    with open(path, "rb") as stream:
        head = stream.read(6)
    if head == b"SIMPLE":
        return _in_fits(path)
    if head[:4] == b"PAR1":
        return _in_parquet(path)
    return None


def _in_fits(path: str) -> dict[str, str]:
    from astropy.io import fits

    with warnings.catch_warnings():
        # Of a damaged file, astropy warns before it raises; what it raises says enough.
        warnings.simplefilter("ignore")
        header = fits.getheader(path, 0)
    try:
        return {name.removeprefix(_PREFIX): str(header[name]) for name in header if name.startswith(_PREFIX)}
    except fits.VerifyError as err:
        raise ValueError(f"a card of its header can't be read: {err}") from err


def _in_parquet(path: str) -> dict[str, str]:
    from pyarrow import parquet

    found = {}
    for key, value in (parquet.read_schema(path).metadata or {}).items():
        name = key.decode("utf-8", "replace").replace(".", " ")
        if name.startswith(_PREFIX):
            found[name.removeprefix(_PREFIX)] = value.decode("utf-8", "replace").strip('"')
        elif name == "table_meta_yaml":
            # What stands before describes the columns, in words that may be anything.
            cards = _YAML.findall(value.decode("utf-8", "replace").partition("\nmeta:")[2])
            found |= {card.replace(".", " "): text for card, text in cards}
    return found
