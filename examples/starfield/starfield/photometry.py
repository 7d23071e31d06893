# SPDX-License-Identifier: Apache-2.0
"""Photometry in circular apertures, for all sources of an image at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .image import MaskPlane, StarImage

__all__ = ("Apertures",)


@dataclass(frozen=True, eq=False)
class Apertures:
    """The pixels within a circle around each of some sources.

    Parameters
    ----------
    x, y : `numpy.ndarray`, (n_sources, n_pixels), int64
        Coordinates of the pixels.
    values : `numpy.ndarray`, (n_sources, n_pixels), float64
        Pixel values; zero where the detector does not respond.
    variances : `numpy.ndarray`, (n_sources, n_pixels), float64
        Variances of the values.
    planes : `numpy.ndarray`, (n_sources, n_pixels), uint8
        Mask of the pixels.
    """

    x: npt.NDArray[np.int64]
    y: npt.NDArray[np.int64]
    values: npt.NDArray[np.float64]
    variances: npt.NDArray[np.float64]
    planes: npt.NDArray[np.uint8]

    @classmethod
    def around(cls, image: StarImage, x: npt.NDArray[np.int64], y: npt.NDArray[np.int64], radius: float) -> Apertures:
        """Cut the apertures of some sources out of an image.

        Parameters
        ----------
        image : `StarImage`, (ny, nx)
            The image.
        x, y : `numpy.ndarray`, (n,), int64
            Pixels at the centers. Sources whose aperture crosses the edge of the image are left out.
        radius : `float`
            Radius of the apertures (pixel).

        Returns
        -------
        apertures : `Apertures`
            The pixels.
        """
        margin = int(radius)
        ny, nx = image.image.shape
        inside = (x >= margin) & (x < nx - margin) & (y >= margin) & (y < ny - margin)
        offset_y, offset_x = np.mgrid[-margin : margin + 1, -margin : margin + 1].reshape(2, -1)
        within = offset_x**2 + offset_y**2 <= radius**2
        pixels_x = x[inside, np.newaxis] + offset_x[within]
        pixels_y = y[inside, np.newaxis] + offset_y[within]
        values = np.where(image.is_masked(MaskPlane.BAD), 0.0, image.image)
        return cls(
            x=pixels_x,
            y=pixels_y,
            values=values[pixels_y, pixels_x].astype(np.float64),
            variances=image.variance[pixels_y, pixels_x].astype(np.float64),
            planes=image.mask[pixels_y, pixels_x],
        )

    def fluxes(self) -> npt.NDArray[np.float64]:
        """Return the sums of the pixels, (n_sources,), in the unit of the image."""
        return self.values.sum(axis=1)

    def masks(self) -> npt.NDArray[np.int32]:
        """Return the mask planes that are set anywhere in each aperture, (n_sources,)."""
        return np.bitwise_or.reduce(self.planes, axis=1).astype(np.int32)

    def centroids(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Return the centers of light.

        Returns
        -------
        x, y : `numpy.ndarray`, (n_sources,), float64
            First moments of the positive pixels (pixel).
        """
        light = np.maximum(self.values, 0.0)
        light /= light.sum(axis=1, keepdims=True)
        return (light * self.x).sum(axis=1), (light * self.y).sum(axis=1)

    def bootstrap_flux_errors(self, rng: np.random.Generator, n_bootstrap: int) -> npt.NDArray[np.float64]:
        """Estimate the errors of the fluxes with a parametric bootstrap.

        Parameters
        ----------
        rng : `numpy.random.Generator`
            Source of the noise.
        n_bootstrap : `int`
            Number of realizations.

        Returns
        -------
        errors : `numpy.ndarray`, (n_sources,), float64
            Standard deviations of the flux over noise drawn from the variances, in the unit of the image.
        """
        noise = rng.standard_normal((n_bootstrap, *self.variances.shape)) * np.sqrt(self.variances)
        return noise.sum(axis=2).std(axis=0, ddof=1)
