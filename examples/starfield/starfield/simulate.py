# SPDX-License-Identifier: Apache-2.0
"""The camera: from light to raw counts and to flat fields, the same ones every time."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from astropy import units as u
from astropy.io import fits

from .image import MaskPlane, StarImage
from .instrument import StarCam
from .observation import Observation
from .scene import make_scene, render

__all__ = ("DETECTOR_SHAPE", "simulate_flat", "simulate_raw")

DETECTOR_SHAPE = (256, 256)
"""Rows and columns of a detector."""

_GAIN = 1.5
"""Electrons per adu."""
_READ_NOISE = 6.0
"""Electrons."""
_BIAS_LEVEL = 1000.0
"""Adu."""
_FULL_WELL = 60_000.0
"""Electrons."""
_VIGNETTING = 0.25
_PIXEL_RESPONSE_SCATTER = 0.01
_DEAD_FRACTION = 5e-4
_N_DUST_RINGS = 6
_FLAT_NOISE = 1e-3
_SKY_GRADIENT = 0.15
_N_COSMIC_RAYS = 10.0
_SEED = 7


def simulate_raw(
    observation: Observation, detector: int, epoch: int, shape: tuple[int, int] = DETECTOR_SHAPE
) -> fits.PrimaryHDU:
    """Take an exposure with one detector.

    Parameters
    ----------
    observation : `Observation`
        Pointing and conditions.
    detector : `int`
        Detector ID.
    epoch : `int`
        Where the dust lies; it moves from epoch to epoch.
    shape : `tuple` [`int`, `int`], optional
        Rows and columns.

    Returns
    -------
    raw : `astropy.io.fits.PrimaryHDU`
        Unsigned 16-bit counts (adu), (ny, nx), with all that calibration has to know in the header.
    """
    rng = np.random.default_rng([_SEED, observation.exposure, detector])
    # The header gives the zero point of a clear sky: how clear it was has to be found from the stars.
    electrons_per_nJy = observation.transparency / (observation.magzero * u.ABmag).to_value(u.nJy)
    light = render(make_scene(detector, shape), shape, observation.dither, observation.seeing)
    expected = light * electrons_per_nJy + _sky(rng, observation.sky_level, shape)
    electrons = rng.poisson(expected * _response(detector, epoch, shape)).astype(np.float64)
    _add_cosmic_rays(electrons, rng)
    electrons = np.minimum(electrons, _FULL_WELL) + rng.normal(scale=_READ_NOISE, size=shape)
    counts = np.clip(np.rint(electrons / _GAIN + _BIAS_LEVEL), 0, 65535).astype(np.uint16)
    return fits.PrimaryHDU(counts, _raw_header(observation, detector))


def simulate_flat(detector: int, epoch: int, calib_date: str, shape: tuple[int, int] = DETECTOR_SHAPE) -> StarImage:
    """Measure the relative response of a detector.

    Parameters
    ----------
    detector : `int`
        Detector ID.
    epoch : `int`
        Where the dust lies.
    calib_date : `str`
        Date of the measurement (YYYY-MM-DD).
    shape : `tuple` [`int`, `int`], optional
        Rows and columns.

    Returns
    -------
    flat : `StarImage`
        Response (relative) with a little noise, and ``BAD`` set where it is zero.
    """
    rng = np.random.default_rng([_SEED, detector, epoch, 1])
    response = _response(detector, epoch, shape)
    dead = response == 0.0
    return StarImage(
        image=(response * rng.normal(1.0, _FLAT_NOISE, size=shape)).astype(np.float32),
        mask=(dead * MaskPlane.BAD).astype(np.uint8),
        variance=np.square(response * _FLAT_NOISE).astype(np.float32),
        metadata={
            "INSTRUME": StarCam.getName(),
            "DETECTOR": detector,
            "FILTER": StarCam.physical_filter,
            "CALIBDATE": calib_date,
        },
    )


def _raw_header(observation: Observation, detector: int) -> fits.Header:
    return fits.Header(
        [
            ("INSTRUME", StarCam.getName(), "Name of the instrument"),
            ("OBSID", observation.obs_id, "Name of the exposure"),
            ("DETECTOR", detector, "Number of the detector"),
            ("FILTER", StarCam.physical_filter, "Name of the filter"),
            ("TIMESYS", "TAI", "Time scale"),
            ("DATE-OBS", observation.begin.isot, "Shutter opens"),
            ("EXPTIME", observation.exposure_time, "[s] Exposure time"),
            ("BUNIT", "adu", "Unit of the pixels"),
            ("BIASLVL", _BIAS_LEVEL, "[adu] Counts without light"),
            ("GAIN", _GAIN, "[electron/adu] Inverse of the gain"),
            ("RDNOISE", _READ_NOISE, "[electron] Read noise"),
            ("MAGZERO", observation.magzero, "[mag(AB)] Magnitude of one electron"),
            ("DITHERX", observation.dither[0], "[pixel] Offset of the pointing, columns"),
            ("DITHERY", observation.dither[1], "[pixel] Offset of the pointing, rows"),
        ]
    )


def _response(detector: int, epoch: int, shape: tuple[int, int]) -> npt.NDArray[np.float64]:
    """Return the relative response of every pixel: vignetting, pixels, dust, and zero where dead."""
    ny, nx = shape
    rows, columns = np.ogrid[:ny, :nx]
    # The optical axis passes through the gap between the two detectors.
    axis_x = nx if detector == 0 else 0
    radius2 = ((columns - axis_x) ** 2 + (rows - ny / 2) ** 2) / (nx**2 + (ny / 2) ** 2)
    pixels = np.random.default_rng([_SEED, detector])
    response = (1.0 - _VIGNETTING * radius2) * pixels.normal(1.0, _PIXEL_RESPONSE_SCATTER, size=shape)
    dust = np.random.default_rng([_SEED, detector, epoch])
    for _ in range(_N_DUST_RINGS):
        x, y, radius = dust.uniform((0, 0, 6), (nx, ny, 14))
        distance = np.hypot(columns - x, rows - y)
        response *= 1.0 - 0.06 * np.exp(-(((distance - radius) / 3.0) ** 2))
    response[pixels.uniform(size=shape) < _DEAD_FRACTION] = 0.0
    return response


def _sky(rng: np.random.Generator, level: float, shape: tuple[int, int]) -> npt.NDArray[np.float64]:
    """Return the brightness of the sky, with a gradient in a random direction (electron per pixel)."""
    direction = rng.uniform(0.0, 2.0 * np.pi)
    y, x = np.meshgrid(*(np.linspace(-0.5, 0.5, size) for size in shape), indexing="ij")
    return level * (1.0 + _SKY_GRADIENT * (x * np.cos(direction) + y * np.sin(direction)))


def _add_cosmic_rays(electrons: npt.NDArray[np.float64], rng: np.random.Generator) -> None:
    """Add straight tracks of charge, in place."""
    ny, nx = electrons.shape
    for _ in range(rng.poisson(_N_COSMIC_RAYS)):
        angle, length = rng.uniform(0.0, 2.0 * np.pi), rng.integers(1, 25)
        steps = np.arange(length)
        x = np.rint(rng.uniform(0, nx) + steps * np.cos(angle)).astype(int)
        y = np.rint(rng.uniform(0, ny) + steps * np.sin(angle)).astype(int)
        on_detector = (x >= 0) & (x < nx) & (y >= 0) & (y < ny)
        charge = rng.uniform(500.0, 5000.0) * rng.uniform(0.5, 1.5, size=length)
        np.add.at(electrons, (y[on_detector], x[on_detector]), charge[on_detector])
