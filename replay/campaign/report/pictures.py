# SPDX-License-Identifier: Apache-2.0
"""Arrays as pictures that stand in the page itself: PNG, one pixel a pixel."""

from __future__ import annotations

import base64
import io
import warnings
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ("as_difference", "as_image", "colour_bar", "scale_of")

_COLOURS = "RdBu_r"
_LOST = (0.85, 0.15, 0.85, 1.0)
"""Where there is no number: a colour that neither map has."""
_STEPS = 128
_FEW = 20
_MOST_OF = 99.5
"""Per cent of the differences that the scale of colours tells apart: one outlier must not make all others white."""


def as_image(pixels: npt.NDArray[Any], like: npt.NDArray[Any]) -> str:
    """Return an image in shades of grey, stretched as another is, as a ``data:`` URI.

    Parameters
    ----------
    pixels, like : `numpy.ndarray`
        (ny, nx). Two images that are to be held against each other are stretched like the same one.
    """
    low, high = _stretch(like)
    with np.errstate(all="ignore"):
        shades = np.clip((pixels.astype(np.float64) - low) / (high - low), 0, 1)
    return _drawn(shades, "gray")


def as_difference(pixels: npt.NDArray[np.float64]) -> str:
    """Return differences, (ny, nx), in colours: white is none, red more, blue less; as a ``data:`` URI."""
    limit = scale_of(pixels)[0] or 1.0
    with np.errstate(all="ignore"):
        return _drawn(np.clip(pixels / limit, -1, 1) / 2 + 0.5, _COLOURS)


def scale_of(pixels: npt.NDArray[np.float64]) -> tuple[float, bool]:
    """Return the end of the scale of colours of differences, and whether some lie beyond it."""
    found = np.abs(pixels[np.isfinite(pixels) & (pixels != 0)])
    if not found.size:
        return 0.0, False
    largest = float(found.max())
    limit = float(np.percentile(found, _MOST_OF)) if found.size >= _FEW else largest
    return limit, largest > limit


def colour_bar() -> str:
    """Return the scale of colours of differences, from the left to the right, as a ``data:`` URI."""
    return _drawn(np.linspace(0, 1, _STEPS).reshape(1, -1), _COLOURS)


def _stretch(pixels: npt.NDArray[Any]) -> tuple[float, float]:
    """Return what is black and what is white: as IRAF's zscale does, where that can tell."""
    from astropy.visualization import ZScaleInterval

    values = pixels[np.isfinite(pixels)].astype(np.float64)
    if not values.size:
        return 0.0, 1.0
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        low, high = map(float, ZScaleInterval().get_limits(values))
    if not (np.isfinite(low) and np.isfinite(high) and low < high):
        low, high = float(values.min()), float(values.max())
    return (low, high) if np.isfinite(high - low) and low < high else (low, low + 1.0)


def _drawn(values: npt.NDArray[np.float64], colours: str) -> str:
    from matplotlib import colormaps
    from matplotlib.image import imsave

    shown = colormaps[colours].with_extremes(bad=_LOST)(np.ma.masked_invalid(values))
    stream = io.BytesIO()
    imsave(stream, shown, format="png", origin="lower")
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode("ascii")
