# SPDX-License-Identifier: Apache-2.0
"""From the dithered exposures of a detector to one deep image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from astropy.table import Table
from lsst.daf.butler import DataCoordinate, DeferredDatasetHandle
from lsst.pex.config import ListField, RangeField
from lsst.pipe.base import (
    InputQuantizedConnection,
    OutputQuantizedConnection,
    PipelineTask,
    PipelineTaskConfig,
    PipelineTaskConnections,
    QuantumContext,
    Struct,
    connectionTypes,
)

from .image import MaskPlane, StarImage
from .scaling import Stars, find_flux_column
from .smoothing import convolve, normalized_taps
from .warp import warp

__all__ = ("CoaddConfig", "CoaddConnections", "CoaddTask")

_MIN_TO_CLIP = 3
"""Of two exposures that disagree nobody can tell which is wrong."""


class CoaddConnections(PipelineTaskConnections, dimensions=("instrument", "detector", "physical_filter")):
    """Datasets of `CoaddTask`."""

    calibrated = connectionTypes.Input(
        doc="Calibrated images (electron).",
        name="calibrated",
        storageClass="StarImage",
        dimensions=("instrument", "exposure", "detector"),
        multiple=True,
        deferLoad=True,
    )
    catalog_schema = connectionTypes.InitInput(
        doc="Columns of the catalogs, without rows.", name="catalog_schema", storageClass="ArrowAstropy"
    )
    catalog = connectionTypes.Input(
        doc="Sources of the calibrated images, which tell how transparent the sky was.",
        name="catalog",
        storageClass="ArrowAstropy",
        dimensions=("instrument", "exposure", "detector"),
        multiple=True,
    )
    coadd = connectionTypes.Output(
        doc="Weighted mean of all exposures, in the unit of the fluxes of the catalogs.",
        name="coadd",
        storageClass="StarImage",
        dimensions=("instrument", "detector", "physical_filter"),
    )


class CoaddConfig(PipelineTaskConfig, pipelineConnections=CoaddConnections):
    """Configuration of `CoaddTask`."""

    min_signal_to_noise = RangeField(
        dtype=float, doc="Least signal-to-noise ratio of the stars that exposures are scaled by.", default=50.0, min=0.0
    )
    match_radius = RangeField(
        dtype=float, doc="The same star is within this distance in all exposures (pixel).", default=1.0, min=0.0
    )
    min_matches = RangeField(
        dtype=int, doc="Exposures with fewer stars in common with the first are not scaled.", default=5, min=1
    )
    clip_sigma = RangeField(
        dtype=float,
        doc="Reject pixels further from the median than this many standard deviations.",
        default=3.0,
        min=1.0,
    )
    clip_fraction = RangeField(
        dtype=float,
        doc="Part of the median that is added to the tolerance, because the seeing changes the peaks of stars.",
        default=0.3,
        min=0.0,
    )
    kernel = ListField[float](
        doc="One row of the symmetric, separable kernel that smooths the coadd; the sum does not matter.",
        default=[0.1, 0.8, 0.1],
        listCheck=lambda taps: len(taps) % 2 == 1,
    )


@dataclass(frozen=True, eq=False)
class _Stack:
    """Pixels of all exposures on one grid: four arrays of shape (n_exposures, ny, nx)."""

    flux: npt.NDArray[np.float32]
    variance: npt.NDArray[np.float32]
    mask: npt.NDArray[np.uint8]
    usable: npt.NDArray[np.bool_]


class CoaddTask(PipelineTask):
    """Combine all exposures of one detector through one filter."""

    ConfigClass = CoaddConfig
    _DefaultName = "coadd"

    config: CoaddConfig

    def __init__(self, *, initInputs: dict[str, Any], **kwargs: Any) -> None:
        super().__init__(initInputs=initInputs, **kwargs)
        self.flux = find_flux_column(initInputs["catalog_schema"])

    def runQuantum(
        self,
        butlerQC: QuantumContext,
        inputRefs: InputQuantizedConnection,
        outputRefs: OutputQuantizedConnection,
    ) -> None:
        """Combine one quantum, with the catalogs by data ID: they need not be in the order of the images."""
        catalogs = butlerQC.get(inputRefs.catalog)
        by_data_id = {ref.dataId: catalog for ref, catalog in zip(inputRefs.catalog, catalogs, strict=True)}
        butlerQC.put(self.run(butlerQC.get(inputRefs.calibrated), by_data_id), outputRefs)

    def run(self, calibrated: Sequence[DeferredDatasetHandle], catalog: Mapping[DataCoordinate, Table]) -> Struct:
        """Combine calibrated images.

        Parameters
        ----------
        calibrated : `~collections.abc.Sequence` [`lsst.daf.butler.DeferredDatasetHandle`]
            Handles of the images; their order does not matter.
        catalog : `~collections.abc.Mapping` [`lsst.daf.butler.DataCoordinate`, `astropy.table.Table`]
            Sources of every image, by the data ID of the image.

        Returns
        -------
        result : `lsst.pipe.base.Struct`
            ``coadd``, a `StarImage` in the unit of the fluxes of the catalogs.
        """
        # Floating-point sums depend on the order, and the middleware promises none.
        handles = sorted(calibrated, key=lambda handle: handle.dataId["exposure"])
        images = {handle.dataId: handle.get().in_flux_unit(self.flux.unit) for handle in handles}
        scales = self._find_scales(images, catalog)
        warps = [warp(image.scaled(scales[data_id])) for data_id, image in images.items()]
        mask = np.stack([image.mask for image in warps])
        stack = _Stack(
            flux=np.stack([image.image for image in warps]),
            variance=np.stack([image.variance for image in warps]),
            mask=mask,
            usable=(mask & (MaskPlane.BAD | MaskPlane.NO_DATA)) == 0,
        )
        rejected = self._find_outliers(stack)
        self.metadata["n_exposures"] = len(warps)
        self.metadata["n_rejected"] = int(rejected.sum())
        self.log.info("Combined %d exposures, rejected %d pixels.", len(warps), self.metadata["n_rejected"])
        return Struct(coadd=self._combine(stack, rejected, _coadd_metadata(warps)))

    def _find_scales(
        self, images: Mapping[DataCoordinate, StarImage], catalogs: Mapping[DataCoordinate, Table]
    ) -> dict[DataCoordinate, float]:
        """Return what to multiply the images by, so that stars are as bright as in the first."""
        stars = {
            data_id: Stars.bright(catalogs[data_id], self.flux.name, self.config.min_signal_to_noise, image.dither)
            for data_id, image in images.items()
        }
        reference = next(iter(stars.values()))
        scales = {}
        for data_id, own in stars.items():
            ratios = reference.flux_ratios(own, self.config.match_radius)
            scales[data_id] = 1.0
            if len(ratios) >= self.config.min_matches:
                scales[data_id] = float(np.median(ratios))
            else:
                self.log.warning("Exposure %d keeps its scale: only %d stars match.", data_id["exposure"], len(ratios))
        self.metadata["scales"] = {str(data_id["exposure"]): scale for data_id, scale in scales.items()}
        self.log.info("Scaled exposures by %s.", ", ".join(f"{scale:.3f}" for scale in scales.values()))
        return scales

    def _find_outliers(self, stack: _Stack) -> npt.NDArray[np.bool_]:
        """Return where an exposure disagrees with the others, (n_exposures, ny, nx)."""
        median = np.ma.median(np.ma.array(stack.flux, mask=~stack.usable), axis=0).filled(0.0)
        tolerance = self.config.clip_sigma * np.sqrt(stack.variance) + self.config.clip_fraction * np.abs(median)
        enough = stack.usable.sum(axis=0) >= _MIN_TO_CLIP
        return stack.usable & enough & (np.abs(stack.flux - median) > tolerance)

    def _combine(self, stack: _Stack, rejected: npt.NDArray[np.bool_], metadata: Mapping[str, Any]) -> StarImage:
        """Average with inverse variance weights, then smooth.

        An exposure has one weight. Weights per pixel would favor the pixels that caught fewer photons by chance.
        """
        used = stack.usable & ~rejected
        weights = used / np.median(stack.variance, axis=(1, 2), keepdims=True)
        total = weights.sum(axis=0)
        covered = total > 0.0
        weights /= np.where(covered, total, 1.0)
        flux = (weights * stack.flux).sum(axis=0)
        variance = (weights**2 * stack.variance).sum(axis=0)

        saturated = (used & ((stack.mask & MaskPlane.SAT) != 0)).any(axis=0)
        mask = saturated * MaskPlane.SAT
        mask |= rejected.any(axis=0) * MaskPlane.CLIPPED
        mask |= ~covered * MaskPlane.NO_DATA
        taps = normalized_taps(self.config.kernel)
        return StarImage(convolve(flux, taps), mask.astype(np.uint8), convolve(variance, taps**2), metadata)


def _coadd_metadata(warps: Sequence[StarImage]) -> dict[str, Any]:
    """Keep what all exposures have in common."""
    first = warps[0].metadata
    common = ("INSTRUME", "DETECTOR", "FILTER", "BUNIT", "MAGZERO")
    return {keyword: first[keyword] for keyword in common} | {"NCOMBINE": len(warps)}
