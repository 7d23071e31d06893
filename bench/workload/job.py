# SPDX-License-Identifier: Apache-2.0
"""The common job: three images (25 MB) to a smoothed coadd and a catalog, in about 2 s.

``python job.py CONFIG OUTPUT_FOLDER``
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.stats import sigma_clipped_stats

__all__ = ("main",)


def coadd(images: Sequence[np.ndarray], seed: int, max_iterations: int) -> np.ndarray:
    """Return the sum of the images less their backgrounds, with random weights that add up to one."""
    weights = np.random.default_rng(seed).dirichlet(np.ones(len(images)))
    total = np.zeros_like(images[0])
    for weight, image in zip(weights, images, strict=True):
        _, background, _ = sigma_clipped_stats(image, sigma=3.0, maxiters=max_iterations)
        total += weight * (image - background)
    return total


def smooth(image: np.ndarray, sigma: float, passes: int) -> np.ndarray:
    """Return an image convolved with a Gaussian, by FFT; ``sigma`` in pixels is that of all passes together."""
    ky = np.fft.fftfreq(image.shape[0])[:, None]
    kx = np.fft.rfftfreq(image.shape[1])[None, :]
    for _ in range(passes):
        transfer = np.exp(-2 * (np.pi * sigma / np.sqrt(passes)) ** 2 * (ky**2 + kx**2))
        image = np.fft.irfft2(np.fft.rfft2(image) * transfer, s=image.shape)
    return image


def find_peaks(image: np.ndarray, threshold: float) -> list[dict[str, float]]:
    """Return the pixels above a threshold, in standard deviations, that none of their eight neighbours exceeds."""
    height, width = image.shape
    inner = image[1:-1, 1:-1]
    is_peak = inner > threshold * image.std()
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            if dy or dx:
                is_peak &= inner >= image[1 + dy : height - 1 + dy, 1 + dx : width - 1 + dx]
    rows, columns = np.nonzero(is_peak)
    return [
        {"id": i, "y": int(row + 1), "x": int(column + 1), "peak": float(inner[row, column])}
        for i, (row, column) in enumerate(zip(rows, columns, strict=True))
    ]


def main(config_file: str, folder: str) -> None:
    """Do the job."""
    with open(config_file, encoding="utf-8") as stream:
        config: Mapping[str, Any] = json.load(stream)
    os.makedirs(folder, exist_ok=True)
    images = [fits.getdata(path).astype(np.float64) for path in config["inputs"]]
    total = coadd(images, config["seed"], config["max_iterations"])
    smoothed = smooth(total, config["sigma_pixels"], config["smoothing_passes"])
    sources = find_peaks(smoothed, config["threshold_sigmas"])
    fits.PrimaryHDU(smoothed.astype(np.float32)).writeto(os.path.join(folder, "coadd.fits"), overwrite=True)
    with open(os.path.join(folder, "catalog.json"), "w", encoding="utf-8") as stream:
        json.dump({"seed": config["seed"], "sources": sources}, stream)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
