# SPDX-License-Identifier: Apache-2.0
"""The image that every task reads and writes: pixels, a mask with named planes, a variance, a little metadata."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import IntFlag
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from astropy import units as u

__all__ = ("MaskPlane", "MetadataValue", "StarImage")

MetadataValue: TypeAlias = str | int | float | bool
"""What a FITS header card can hold."""


class MaskPlane(IntFlag):
    """Bits of a mask; the names are those of Rubin's own mask planes."""

    BAD = 1
    """The detector does not respond here."""
    SAT = 2
    """The pixel, or for a coadd any pixel that went into it, is saturated."""
    CLIPPED = 4
    """At least one exposure was rejected here as an outlier."""
    NO_DATA = 8
    """No exposure contributes."""


@dataclass(frozen=True, eq=False)
class StarImage:
    """One image of the sky with what is needed to use it.

    Parameters
    ----------
    image : `numpy.ndarray`, (ny, nx), float32
        Pixel values, in the unit named by ``metadata["BUNIT"]``.
    mask : `numpy.ndarray`, (ny, nx), uint8
        Combination of `MaskPlane` bits.
    variance : `numpy.ndarray`, (ny, nx), float32
        Variance of ``image``, in the square of its unit.
    metadata : `~collections.abc.Mapping` [`str`, `MetadataValue`]
        Header cards: ``BUNIT`` (adu, electron or nJy), ``MAGZERO`` (AB magnitude of one unit), ``DITHERX`` and
        ``DITHERY`` (pixel) among others.
    """

    image: npt.NDArray[np.float32]
    mask: npt.NDArray[np.uint8]
    variance: npt.NDArray[np.float32]
    metadata: Mapping[str, MetadataValue]

    @property
    def dither(self) -> tuple[int, int]:
        """Offset of the pointing along x and y (pixel)."""
        return int(self.metadata["DITHERX"]), int(self.metadata["DITHERY"])

    def is_masked(self, planes: MaskPlane) -> npt.NDArray[np.bool_]:
        """Tell where any of some mask planes is set.

        Parameters
        ----------
        planes : `MaskPlane`
            The planes to look at.

        Returns
        -------
        masked : `numpy.ndarray`, (ny, nx), bool
            True where at least one of the planes is set.
        """
        return (self.mask & planes) != 0

    def scaled(self, factor: float) -> StarImage:
        """Multiply by a number.

        Parameters
        ----------
        factor : `float`
            What to multiply the pixels by; their variance is multiplied by its square.

        Returns
        -------
        scaled : `StarImage`
            The brighter or fainter image.
        """
        single = np.float32(factor)
        return replace(self, image=self.image * single, variance=self.variance * single**2)

    def in_flux_unit(self, unit: u.UnitBase) -> StarImage:
        """Convert to a spectral flux density.

        Parameters
        ----------
        unit : `astropy.units.UnitBase`
            Unit to convert to, e.g. ``nJy``.

        Returns
        -------
        converted : `StarImage`
            The same image with its pixels, variance, ``BUNIT`` and ``MAGZERO`` in the new unit.
        """
        flux = float((self.metadata["MAGZERO"] * u.ABmag).to_value(unit))
        calibration = {"BUNIT": unit.to_string("fits"), "MAGZERO": float((1.0 * unit).to_value(u.ABmag))}
        return replace(self.scaled(flux), metadata={**self.metadata, **calibration})
