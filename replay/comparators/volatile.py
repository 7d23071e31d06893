# SPDX-License-Identifier: Apache-2.0
"""Named fields that may differ between runs, and why."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass

from .difference import Difference

__all__ = ("BY_READING_ORDER", "EVERYWHERE", "IN_A_NEW_RUN", "Volatile")


@dataclass(frozen=True, order=True)
class Volatile:
    """A named field that may differ between runs, and why."""

    place: str
    """``card`` (of a FITS header) or ``metadata`` (a key of a table's metadata)."""
    name: str
    """The keyword or key; ``#`` stands for a decimal number."""
    reason: str

    def covers(self, difference: Difference) -> bool:
        """Tell whether a difference is in this field."""
        pattern = re.escape(self.name).replace(r"\#", "[0-9]+")
        name = str(difference.measures.get("name", ""))
        return difference.kind == self.place and re.fullmatch(pattern, name) is not None

    def to_document(self) -> dict[str, str]:
        """Return it as a JSON-able document."""
        return asdict(self)


EVERYWHERE = (
    Volatile("card", "DATE", "when the file was written"),
    Volatile("card", "CHECKSUM", "computed from the HDU's bytes, which are compared themselves"),
    Volatile("card", "DATASUM", "computed from the data's bytes, which are compared themselves"),
    Volatile(
        "card",
        "ZDITHER0",
        "seed of a compression's dither, often the clock; the pixels are compared as they come out",
    ),
)
IN_A_NEW_RUN = tuple(
    Volatile(place, separator.join(("LSST", "BUTLER", *words)), reason)
    for place, separator in (("card", " "), ("metadata", "."))
    for words, reason in (
        (("ID",), "the Butler gives every dataset of a new RUN a new UUID"),
        (("RUN",), "the name of the RUN that the dataset was put into"),
        (("QUANTUM",), "a new quantum graph gives every quantum a new UUID"),
        (("INPUT", "#", "ID"), "an input that was re-made too has a new UUID"),
        (("INPUT", "#", "RUN"), "an input that was re-made too is in the new RUN"),
    )
)
BY_READING_ORDER = tuple(
    Volatile(place, separator.join(("LSST", "BUTLER", "INPUT", "#", word)), "nobody recorded the order of reading")
    for place, separator in (("card", " "), ("metadata", "."))
    for word in ("ID", "RUN", "DATASETTYPE")
)
