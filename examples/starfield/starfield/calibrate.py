# SPDX-License-Identifier: Apache-2.0
"""From raw counts to electrons: bias, gain, flat field, variance, mask and sky."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from lsst.pex.config import Field, RangeField
from lsst.pipe.base import PipelineTask, PipelineTaskConfig, PipelineTaskConnections, Struct, connectionTypes

from .background import fit_background
from .image import MaskPlane, StarImage

__all__ = ("CalibrateConfig", "CalibrateConnections", "CalibrateTask")


class CalibrateConnections(PipelineTaskConnections, dimensions=("instrument", "exposure", "detector")):
    """Datasets of `CalibrateTask`."""

    raw = connectionTypes.Input(
        doc="Raw frame (adu).",
        name="raw",
        storageClass="StarImage",
        dimensions=("instrument", "exposure", "detector"),
    )
    flat = connectionTypes.PrerequisiteInput(
        doc="Flat field that was valid when the exposure was taken (relative response).",
        name="flat",
        storageClass="StarImage",
        dimensions=("instrument", "detector", "physical_filter"),
        isCalibration=True,
    )
    calibrated = connectionTypes.Output(
        doc="Calibrated image, without its sky (electron).",
        name="calibrated",
        storageClass="StarImage",
        dimensions=("instrument", "exposure", "detector"),
    )


class CalibrateConfig(PipelineTaskConfig, pipelineConnections=CalibrateConnections):
    """Configuration of `CalibrateTask`."""

    saturation_level = Field[float](doc="Counts from which a pixel is saturated (adu).", default=65535.0)
    background_degree = RangeField(dtype=int, doc="Total degree of the sky's polynomial.", default=2, min=0)
    clip_sigma = RangeField(
        dtype=float,
        doc="Pixels further from the sky than this are no sky (standard deviations).",
        default=2.5,
        min=1.0,
    )


class CalibrateTask(PipelineTask):
    """Calibrate one detector of one exposure."""

    ConfigClass = CalibrateConfig
    _DefaultName = "calibrate"

    config: CalibrateConfig

    def run(self, raw: StarImage, flat: StarImage) -> Struct:
        """Calibrate a raw frame.

        Parameters
        ----------
        raw : `StarImage`, (ny, nx)
            Raw frame (adu).
        flat : `StarImage`, (ny, nx)
            Relative response of the pixels, with ``BAD`` set where there is none.

        Returns
        -------
        result : `lsst.pipe.base.Struct`
            ``calibrated``, a `StarImage` (electron).
        """
        bad = flat.is_masked(MaskPlane.BAD)
        saturated = raw.image >= self.config.saturation_level
        mask = (bad * MaskPlane.BAD | saturated * MaskPlane.SAT).astype(np.uint8)

        gain = np.float32(raw.metadata["GAIN"])
        read_noise = np.float32(raw.metadata["RDNOISE"])
        response: npt.NDArray[np.float32] = np.where(bad, np.float32(1.0), flat.image)
        electrons = (raw.image - np.float32(raw.metadata["BIASLVL"])) * gain
        variance = (np.maximum(electrons, 0.0) + read_noise**2) / response**2

        flattened = electrons / response
        background = fit_background(flattened, mask == 0, self.config.background_degree, self.config.clip_sigma)
        self._report(background, saturated)
        metadata = {**raw.metadata, "BUNIT": "electron", "FLATDATE": flat.metadata["CALIBDATE"]}
        return Struct(calibrated=StarImage(flattened - background, mask, variance, metadata))

    def _report(self, background: npt.NDArray[np.float32], saturated: npt.NDArray[np.bool_]) -> None:
        self.metadata["sky_level"] = float(np.median(background))
        self.metadata["n_saturated"] = int(saturated.sum())
        self.log.info(
            "Sky level %.1f electrons, %d saturated pixels.",
            self.metadata["sky_level"],
            self.metadata["n_saturated"],
        )
