# SPDX-License-Identifier: Apache-2.0
"""Make the three images that `job.py` reads: ``python make_inputs.py FOLDER``."""

from __future__ import annotations

import os
import sys

import numpy as np
from astropy.io import fits

__all__ = ("main",)

SIZE = 1448
"""Pixels along one side: 8.4 MB as 32-bit floats."""
STARS = 400
RADIUS = 8
SIGMA = 2.0


def make_image(exposure: int) -> np.ndarray:
    """Return noise of one exposure with the same stars in all of them, in counts."""
    image = np.random.default_rng(100 + exposure).normal(100, 5, (SIZE, SIZE)).astype(np.float32)
    y, x = np.mgrid[-RADIUS : RADIUS + 1, -RADIUS : RADIUS + 1]
    psf = np.exp(-(x**2 + y**2) / (2 * SIGMA**2)).astype(np.float32)
    stars = np.random.default_rng(7)
    rows = stars.integers(20, SIZE - 20, STARS)
    columns = stars.integers(20, SIZE - 20, STARS)
    for row, column, peak in zip(rows, columns, stars.uniform(50, 3000, STARS), strict=True):
        image[row - RADIUS : row + RADIUS + 1, column - RADIUS : column + RADIUS + 1] += peak * psf
    return image


def main(folder: str) -> None:
    """Write the images."""
    os.makedirs(folder, exist_ok=True)
    for exposure in range(3):
        fits.PrimaryHDU(make_image(exposure)).writeto(os.path.join(folder, f"exp{exposure}.fits"), overwrite=True)


if __name__ == "__main__":
    main(sys.argv[1])
