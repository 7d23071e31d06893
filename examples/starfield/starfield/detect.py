# SPDX-License-Identifier: Apache-2.0
"""Find the stars of an image."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from lsst.pex.config import Config, RangeField
from lsst.pipe.base import Struct, Task
from numpy.lib.stride_tricks import sliding_window_view

from .image import MaskPlane, StarImage
from .smoothing import convolve, gaussian_taps

__all__ = ("DetectConfig", "DetectTask")


class DetectConfig(Config):
    """Configuration of `DetectTask`."""

    threshold = RangeField(
        dtype=float, doc="Least signal-to-noise ratio of a peak in the smoothed image.", default=5.0, min=0.0
    )
    minimum_separation = RangeField(
        dtype=int, doc="A peak is the highest within this distance along each axis (pixel).", default=3, min=1
    )
    psf_sigma = RangeField(
        dtype=float,
        doc="Standard deviation of the Gaussian that smooths the image (pixel).",
        default=1.6,
        min=0.1,
    )
    max_sharpness = RangeField(
        dtype=float,
        doc="Greatest height of a peak over its eight neighbors, in units of the smoothed peak; "
        "cosmic rays are sharper than stars.",
        default=2.0,
        min=0.0,
    )


class DetectTask(Task):
    """Find the peaks of an image that was smoothed with its point spread function.

    The sharpness that tells stars from cosmic rays is that of DAOFIND (Stetson 1987, PASP 99, 191).
    """

    ConfigClass = DetectConfig
    _DefaultName = "detect"

    config: DetectConfig

    def run(self, image: StarImage) -> Struct:
        """Find the stars of an image.

        Parameters
        ----------
        image : `StarImage`, (ny, nx)
            Image without its sky.

        Returns
        -------
        result : `lsst.pipe.base.Struct`
            ``x`` and ``y``, (n,) arrays of int64: the pixels of the peaks, ordered by row.
        """
        usable = ~image.is_masked(MaskPlane.BAD | MaskPlane.NO_DATA)
        pixels = np.where(usable, image.image, np.float32(0.0))
        taps = gaussian_taps(self.config.psf_sigma)
        smoothed = convolve(pixels, taps)
        noise = np.sqrt(convolve(image.variance, taps**2))
        is_peak = (
            usable
            & (smoothed > self.config.threshold * noise)
            & (smoothed == _local_maximum(smoothed, self.config.minimum_separation))
            & (_height_over_neighbors(pixels) < self.config.max_sharpness * smoothed)
        )
        y, x = np.nonzero(is_peak)
        return Struct(x=x, y=y)


def _local_maximum(image: npt.NDArray[np.float32], radius: int) -> npt.NDArray[np.float32]:
    """Return the greatest value within a square of half-width ``radius`` around every pixel."""
    padded = np.pad(image, radius, mode="edge")
    width = 2 * radius + 1
    rows = sliding_window_view(padded, width, axis=0).max(axis=-1)
    return sliding_window_view(rows, width, axis=1).max(axis=-1)


def _height_over_neighbors(image: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return the difference between every pixel and the mean of its eight neighbors."""
    mean_of_nine = convolve(image, np.full(3, 1.0 / 3.0, dtype=np.float32))
    return np.float32(9.0 / 8.0) * (image - mean_of_nine)
