# SPDX-License-Identifier: Apache-2.0
"""A smooth model of the night sky's brightness."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.polynomial import chebyshev

__all__ = ("fit_background",)

_MAX_ITERATIONS = 5


def fit_background(
    image: npt.NDArray[np.float32], good: npt.NDArray[np.bool_], degree: int, clip_sigma: float
) -> npt.NDArray[np.float32]:
    """Fit a two-dimensional Chebyshev polynomial to the pixels that hold nothing but sky.

    Pixels far from the model are stars (or cosmic rays): they are clipped, and the model is fitted again.

    Parameters
    ----------
    image : `numpy.ndarray`, (ny, nx), float32
        Pixel values.
    good : `numpy.ndarray`, (ny, nx), bool
        True for the pixels to use.
    degree : `int`
        Highest total degree of the polynomial.
    clip_sigma : `float`
        Clip pixels further from the model than this many standard deviations.

    Returns
    -------
    background : `numpy.ndarray`, (ny, nx), float32
        The model, in the unit of the image.
    """
    terms = _chebyshev_terms(image.shape, degree)
    values = image.ravel().astype(np.float64)
    sky = good.ravel()
    for _ in range(_MAX_ITERATIONS):
        coefficients = np.linalg.lstsq(terms[sky], values[sky], rcond=None)[0]
        residual = values - terms @ coefficients
        kept = sky & (np.abs(residual) < clip_sigma * residual[sky].std())
        if np.array_equal(kept, sky):
            break
        sky = kept
    return (values - residual).astype(np.float32).reshape(image.shape)


def _chebyshev_terms(shape: tuple[int, ...], degree: int) -> npt.NDArray[np.floating[Any]]:
    """Return the terms up to a total degree, (n_pixels, n_terms), over pixel coordinates scaled to [-1, 1]."""
    y, x = np.meshgrid(*(np.linspace(-1.0, 1.0, size) for size in shape), indexing="ij")
    all_terms = chebyshev.chebvander2d(x.ravel(), y.ravel(), [degree, degree])
    degree_x, degree_y = np.indices((degree + 1, degree + 1)).reshape(2, -1)
    return all_terms[:, degree_x + degree_y <= degree]
