# SPDX-License-Identifier: Apache-2.0
"""Convolution with a small separable kernel."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ("convolve", "gaussian_taps", "normalized_taps")


def normalized_taps(taps: npt.ArrayLike) -> npt.NDArray[np.float32]:
    """Scale the taps of a kernel to unit sum.

    Parameters
    ----------
    taps : array_like, (n,)
        One row of the separable kernel.

    Returns
    -------
    normalized : `numpy.ndarray`, (n,), float32
        The same row with a sum of one.
    """
    values = np.asarray(taps, dtype=np.float64)
    return (values / values.sum()).astype(np.float32)


def gaussian_taps(sigma: float) -> npt.NDArray[np.float32]:
    """Return the taps of a Gaussian, cut at three standard deviations.

    Parameters
    ----------
    sigma : `float`
        Standard deviation (pixel).

    Returns
    -------
    taps : `numpy.ndarray`, (n,), float32
        An odd number of taps with a sum of one.
    """
    radius = int(np.ceil(3.0 * sigma))
    offsets = np.arange(-radius, radius + 1)
    return normalized_taps(np.exp(-0.5 * (offsets / sigma) ** 2))


def convolve(image: npt.NDArray[np.float32], taps: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Convolve an image with the outer product of a symmetric kernel row with itself.

    Parameters
    ----------
    image : `numpy.ndarray`, (ny, nx), float32
        Pixel values; pixels beyond the edge count as copies of the edge.
    taps : `numpy.ndarray`, (n,), float32
        One row of the kernel; ``n`` is odd.

    Returns
    -------
    convolved : `numpy.ndarray`, (ny, nx), float32
        Image of the same shape.
    """
    padded = np.pad(image, len(taps) // 2, mode="edge")
    ny, nx = image.shape
    rows = sum(tap * padded[i : i + ny, :] for i, tap in enumerate(taps))
    return sum(tap * rows[:, i : i + nx] for i, tap in enumerate(taps))
