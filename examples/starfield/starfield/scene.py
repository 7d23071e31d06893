# SPDX-License-Identifier: Apache-2.0
"""The true sky: stars, a few galaxies, and how the atmosphere blurs them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from astropy import units as u

__all__ = ("Scene", "make_scene", "render")

_MARGIN = 12
"""Sources lie up to this far off the detector, so that a dither brings new ones into view (pixel)."""
_MOFFAT_BETA = 4.0
_BRIGHTEST, _FAINTEST = 13.5, 23.5
_COUNTS_SLOPE = 0.22
_SOURCES_PER_PIXEL = 1.0 / 250.0
_GALAXY_FRACTION = 0.06
_SEED = 51


@dataclass(frozen=True, eq=False)
class Scene:
    """Sources of light, as arrays of shape (n,).

    Parameters
    ----------
    x, y : `numpy.ndarray`
        Position on the reference grid (pixel).
    flux : `numpy.ndarray`
        Spectral flux density (nJy).
    size : `numpy.ndarray`
        Scale radius along the major axis (pixel); zero for a star.
    axis_ratio : `numpy.ndarray`
        Minor over major axis.
    angle : `numpy.ndarray`
        Direction of the major axis (radian).
    """

    x: npt.NDArray[np.float64]
    y: npt.NDArray[np.float64]
    flux: npt.NDArray[np.float64]
    size: npt.NDArray[np.float64]
    axis_ratio: npt.NDArray[np.float64]
    angle: npt.NDArray[np.float64]


def make_scene(detector: int, shape: tuple[int, int]) -> Scene:
    """Draw the sources in front of a detector.

    Parameters
    ----------
    detector : `int`
        Detector ID.
    shape : `tuple` [`int`, `int`]
        Rows and columns of the detector.

    Returns
    -------
    scene : `Scene`
        The same sources for the same arguments.
    """
    rng = np.random.default_rng([_SEED, detector])
    ny, nx = (size + 2 * _MARGIN for size in shape)
    n = round(ny * nx * _SOURCES_PER_PIXEL)
    # Number counts rise by 10**slope per magnitude; this inverts their cumulative distribution.
    rise = 10.0 ** (_COUNTS_SLOPE * (_FAINTEST - _BRIGHTEST)) - 1.0
    magnitude = _BRIGHTEST + np.log10(1.0 + rise * rng.uniform(size=n)) / _COUNTS_SLOPE
    is_galaxy = rng.uniform(size=n) < _GALAXY_FRACTION
    magnitude[is_galaxy] = rng.uniform(17.5, 20.0, size=is_galaxy.sum())
    return Scene(
        x=rng.uniform(-_MARGIN, nx - _MARGIN, size=n),
        y=rng.uniform(-_MARGIN, ny - _MARGIN, size=n),
        flux=(magnitude * u.ABmag).to_value(u.nJy),
        size=np.where(is_galaxy, rng.uniform(3.0, 8.0, size=n), 0.0),
        axis_ratio=np.where(is_galaxy, rng.uniform(0.3, 1.0, size=n), 1.0),
        angle=rng.uniform(0.0, np.pi, size=n),
    )


def render(scene: Scene, shape: tuple[int, int], dither: tuple[int, int], seeing: float) -> npt.NDArray[np.float64]:
    """Make an image of a scene without noise.

    Every source has a Moffat profile; the size of a galaxy adds in quadrature to that of the seeing disk.

    Parameters
    ----------
    scene : `Scene`
        The sources.
    shape : `tuple` [`int`, `int`]
        Rows and columns.
    dither : `tuple` [`int`, `int`]
        Offset of the pointing along x and y (pixel).
    seeing : `float`
        Full width at half maximum of a star (pixel).

    Returns
    -------
    image : `numpy.ndarray`, (ny, nx), float64
        Flux in every pixel (nJy).
    """
    alpha = 0.5 * seeing / np.sqrt(2.0 ** (1.0 / _MOFFAT_BETA) - 1.0)
    major = np.hypot(alpha, scene.size)
    minor = np.hypot(alpha, scene.size * scene.axis_ratio)
    peak = scene.flux * (_MOFFAT_BETA - 1.0) / (np.pi * major * minor)
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    image = np.zeros(shape)
    for i in range(len(scene.flux)):
        dx = columns - (scene.x[i] - dither[0])
        dy = rows - (scene.y[i] - dither[1])
        cos, sin = np.cos(scene.angle[i]), np.sin(scene.angle[i])
        radius2 = ((dx * cos + dy * sin) / major[i]) ** 2 + ((dy * cos - dx * sin) / minor[i]) ** 2
        image += peak[i] * (1.0 + radius2) ** -_MOFFAT_BETA
    return image
