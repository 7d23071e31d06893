# SPDX-License-Identifier: Apache-2.0
"""Bring dithered exposures onto one pixel grid."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .image import MaskPlane, StarImage

__all__ = ("warp",)


def warp(image: StarImage) -> StarImage:
    """Undo the dither of an exposure.

    Dithers are whole pixels, so no pixel value changes.

    Parameters
    ----------
    image : `StarImage`, (ny, nx)
        An exposure. Its pixel (x, y) lies at (x + ``DITHERX``, y + ``DITHERY``) of the reference grid.

    Returns
    -------
    warped : `StarImage`, (ny, nx)
        The same exposure on the reference grid. Pixels it does not cover are zero, with ``NO_DATA`` set.
    """
    dx, dy = image.dither
    rows_to, rows_from = _overlap(image.image.shape[0], dy)
    columns_to, columns_from = _overlap(image.image.shape[1], dx)
    to, origin = (rows_to, columns_to), (rows_from, columns_from)

    warped = replace(
        image,
        image=np.zeros_like(image.image),
        mask=np.full_like(image.mask, MaskPlane.NO_DATA),
        variance=np.zeros_like(image.variance),
    )
    warped.image[to] = image.image[origin]
    warped.mask[to] = image.mask[origin]
    warped.variance[to] = image.variance[origin]
    return warped


def _overlap(size: int, shift: int) -> tuple[slice, slice]:
    """Return where pixels go to and come from along an axis, when they move by ``shift``."""
    return slice(max(0, shift), size + min(0, shift)), slice(max(0, -shift), size - max(0, shift))
