# SPDX-License-Identifier: Apache-2.0
"""What the telescope did: two nights on one field, with a small dither between exposures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from astropy import units as u
from astropy.time import Time

__all__ = ("Observation", "schedule")

_NIGHTS = ("2026-03-14", "2026-03-18")
_CADENCE = 40.0 * u.s
_MAX_DITHER = 6
_DITHER_STEP = np.array([0.7548776662, 0.5698402910])
"""Successive multiples, modulo 1, cover a square evenly: the R2 sequence (Roberts 2018)."""
_CLOUDIEST = 0.85
_GOLDEN_RATIO = 0.5 * (1.0 + 5.0**0.5)
_SEED = 14


@dataclass(frozen=True)
class Observation:
    """One exposure and the conditions it was taken in.

    Parameters
    ----------
    night : `str`
        Date of the evening (YYYY-MM-DD).
    seq_num : `int`
        Number of the exposure within the night, from 1.
    dither : `tuple` [`int`, `int`]
        Offset of the pointing along x and y (pixel).
    seeing : `float`
        Full width at half maximum of a star (pixel).
    magzero : `float`
        AB magnitude of a star of one electron.
    sky_level : `float`
        Mean brightness of the sky (electron per pixel).
    transparency : `float`
        Part of the light of the stars that thin clouds let through.
    """

    night: str
    seq_num: int
    dither: tuple[int, int]
    seeing: float
    magzero: float
    sky_level: float
    transparency: float

    exposure_time = 30.0
    """Duration of every exposure (second)."""

    @property
    def day_obs(self) -> int:
        """Date of the evening as an integer, YYYYMMDD."""
        return int(self.night.replace("-", ""))

    @property
    def exposure(self) -> int:
        """Exposure ID: the date followed by five digits of the sequence number."""
        return self.day_obs * 100_000 + self.seq_num

    @property
    def obs_id(self) -> str:
        """Name of the exposure."""
        return f"SC_O_{self.day_obs}_{self.seq_num:06d}"

    @property
    def begin(self) -> Time:
        """Time when the shutter opened (TAI)."""
        return Time(f"{self.night}T23:30:00", scale="tai") + self.seq_num * _CADENCE

    @property
    def end(self) -> Time:
        """Time when the shutter closed (TAI)."""
        return self.begin + self.exposure_time * u.s


def schedule(n_exposures: int) -> list[Observation]:
    """Plan exposures, the first half in the first night and the rest in the second.

    Parameters
    ----------
    n_exposures : `int`
        How many exposures to take.

    Returns
    -------
    observations : `list` [`Observation`]
        The same plan for the same number.
    """
    first_night = (n_exposures + 1) // 2
    observations = []
    for i in range(n_exposures):
        in_second = i >= first_night
        rng = np.random.default_rng([_SEED, i])
        observations.append(
            Observation(
                night=_NIGHTS[in_second],
                seq_num=i + 1 - first_night * in_second,
                dither=_dither(i),
                seeing=float(rng.uniform(3.0, 3.6)),
                magzero=float(rng.uniform(29.4, 29.6)),
                sky_level=float(rng.uniform(350.0, 450.0)),
                transparency=_transparency(i),
            )
        )
    return observations


def _dither(i: int) -> tuple[int, int]:
    """Return the offset of the i-th exposure (pixel); the first is centered."""
    dx, dy = np.floor((0.5 + i * _DITHER_STEP) % 1.0 * (2 * _MAX_DITHER + 1)) - _MAX_DITHER
    return int(dx), int(dy)


def _transparency(i: int) -> float:
    """Return the transparency of the i-th exposure; the sky of the first is clear.

    Successive multiples of the golden ratio, modulo 1, cover an interval evenly.
    """
    return 1.0 - (1.0 - _CLOUDIEST) * (i * _GOLDEN_RATIO % 1.0)
