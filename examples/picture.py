# SPDX-License-Identifier: Apache-2.0
"""The demo's picture: what was, what was made again, and the difference."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from astropy.io import fits

__all__ = ("draw",)


def draw(original: Path, remade: Path, control: Path, path: Path) -> None:
    """Draw two rows of three images: original, re-run and difference; original, control and difference.

    Parameters
    ----------
    original, remade, control : `pathlib.Path`
        FITS files with an image in the HDU ``IMAGE``, (ny, nx), in one unit.
    path : `pathlib.Path`
        The PNG to write.
    """
    mpl.use("Agg")
    from matplotlib import pyplot as plt

    first = _image(original)
    limit = 10 * float(np.median(np.abs(first - np.median(first))))
    figure, axes = plt.subplots(2, 3, figsize=(12, 8.4), layout="constrained")
    rows = (("re-run from its manifest", _image(remade)), ("today, without the frozen configuration", _image(control)))
    for row, (title, again) in zip(axes, rows, strict=True):
        difference = again - first
        changed = int(np.count_nonzero(difference))
        _show(row[0], np.arcsinh(first / limit), "original coadd", "gray")
        _show(row[1], np.arcsinh(again / limit), title, "gray")
        _show(row[2], difference, f"difference: {changed} of {difference.size} pixels", "RdBu", limit)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _image(path: Path) -> npt.NDArray[np.float64]:
    with fits.open(path) as hdus:
        return np.asarray(hdus["IMAGE"].data, dtype=np.float64)


def _show(axis: object, image: npt.NDArray[np.float64], title: str, colours: str, limit: float | None = None) -> None:
    low, high = (-limit, limit) if limit else np.percentile(image, (1, 99.5))
    axis.imshow(image, origin="lower", cmap=colours, vmin=low, vmax=high)  # type: ignore[attr-defined]
    axis.set_title(title)  # type: ignore[attr-defined]
    axis.set_axis_off()  # type: ignore[attr-defined]
