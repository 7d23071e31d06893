# SPDX-License-Identifier: Apache-2.0
"""What a compressed image in a FITS file lost: in which steps its floating-point pixels were quantised.

The convention is that of the FITS standard 4.0, section 10: each tile has a scale in the column ZSCALE (or all
have that of the keyword), and the card ZQUANTIZ tells the method. Pixels are multiples of the scale, dithered or not,
so that another dither changes a pixel by up to one step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .difference import Difference, Kind

__all__ = ("Quantisation", "tell_quantisation")


@dataclass(frozen=True)
class Quantisation:
    """How the pixels of an image were rounded when it was compressed."""

    method: str
    """``NO_DITHER``, ``SUBTRACTIVE_DITHER_1`` or ``SUBTRACTIVE_DITHER_2``."""
    step: float
    """The largest of all tiles, in the unit of the image."""

    @classmethod
    def of(cls, stored: Any) -> Quantisation | None:
        """Return that of an HDU.

        Parameters
        ----------
        stored : `astropy.io.fits.BinTableHDU`
            The table that holds the compressed image.

        Returns
        -------
        quantisation : `Quantisation` or `None`
            `None` if no pixel lost anything that the file tells of.
        """
        if "ZSCALE" in stored.columns.names:
            scales = np.abs(np.asarray(stored.data["ZSCALE"], dtype=np.float64))
        else:
            scales = np.array([abs(float(stored.header.get("ZSCALE", 0)))])
        scales = scales[np.isfinite(scales)]
        step = float(scales.max(initial=0))
        return cls(str(stored.header.get("ZQUANTIZ", "NO_DITHER")).strip(), step) if step else None


def tell_quantisation(
    found: Sequence[Difference], original: Quantisation | None, remade: Quantisation | None
) -> tuple[Difference, ...]:
    """Add to what differs in the pixels how these were quantised; nothing if they were not."""
    known = [one for one in (original, remade) if one]
    if not known:
        return tuple(found)
    methods = " → ".join(dict.fromkeys(one.method if one else "not quantised" for one in (original, remade)))
    step = max(one.step for one in known)
    return tuple(_tell(one, methods, step) if one.kind is Kind.VALUE else one for one in found)


def _tell(difference: Difference, methods: str, step: float) -> Difference:
    steps = float(difference.measures.get("max_abs", 0)) / step
    detail = f"{difference.detail}; quantised ({methods}) in steps of up to {step:.3g}: |Δ| is up to {steps:.3g} steps"
    measures = {**difference.measures, "quantisation": methods, "quantisation_step": repr(step)}
    return replace(difference, detail=detail, measures=measures)
