# SPDX-License-Identifier: Apache-2.0
"""How much brighter or fainter the same stars are in one exposure than in another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from astropy.table import Column, Table

__all__ = ("Stars", "find_flux_column")


def find_flux_column(schema: Table) -> Column:
    """Find the column of a catalog to compare stars by.

    Parameters
    ----------
    schema : `astropy.table.Table`
        Columns of the catalogs, without rows.

    Returns
    -------
    flux : `astropy.table.Column`
        The one column that comes with its errors, in a column named ``<flux>_err``.

    Raises
    ------
    ValueError
        Raised if there is no such column, or more than one, or if ``x``, ``y`` or ``mask`` is missing.
    """
    names = schema.colnames
    with_errors = [name for name in names if f"{name}_err" in names]
    if not {"x", "y", "mask"}.issubset(names) or len(with_errors) != 1:
        raise ValueError(f"Scaling needs x, y, mask and one flux with errors; the catalogs have {', '.join(names)}.")
    return schema[with_errors[0]]


@dataclass(frozen=True, eq=False)
class Stars:
    """Stars of one exposure, as arrays of shape (n,).

    Parameters
    ----------
    x, y : `numpy.ndarray`, (n,), float64
        Position on the reference grid (pixel).
    flux : `numpy.ndarray`, (n,), float64
        Flux, in the unit of the catalog.
    """

    x: npt.NDArray[np.float64]
    y: npt.NDArray[np.float64]
    flux: npt.NDArray[np.float64]

    @classmethod
    def bright(cls, catalog: Table, flux: str, min_signal_to_noise: float, dither: tuple[int, int]) -> Stars:
        """Select the stars whose flux is well known.

        Parameters
        ----------
        catalog : `astropy.table.Table`
            Sources of an exposure.
        flux : `str`
            Name of the column with the flux.
        min_signal_to_noise : `float`
            Least ratio of the flux to its error.
        dither : `tuple` [`int`, `int`]
            Offset of the exposure's pointing along x and y (pixel).

        Returns
        -------
        stars : `Stars`
            The bright sources without any masked pixel, saturated ones in particular.
        """
        selected = catalog[(catalog["mask"] == 0) & (catalog[flux] > min_signal_to_noise * catalog[f"{flux}_err"])]
        x, y, fluxes = (np.asarray(selected[name]) for name in ("x", "y", flux))
        return cls(x + dither[0], y + dither[1], fluxes)

    def flux_ratios(self, other: Stars, match_radius: float) -> npt.NDArray[np.float64]:
        """Compare the fluxes of the stars that both exposures have.

        Parameters
        ----------
        other : `Stars`
            Stars of another exposure.
        match_radius : `float`
            Stars further apart than this are not the same (pixel).

        Returns
        -------
        ratios : `numpy.ndarray`, (n_matches,), float64
            Flux in this exposure over flux in the other, for pairs that are each other's nearest neighbors.
        """
        distance = np.hypot(self.x[:, np.newaxis] - other.x, self.y[:, np.newaxis] - other.y)
        nearest = [distance == distance.min(axis=axis, keepdims=True, initial=np.inf) for axis in (0, 1)]
        i, j = np.nonzero(nearest[0] & nearest[1] & (distance < match_radius))
        return self.flux[i] / other.flux[j]
