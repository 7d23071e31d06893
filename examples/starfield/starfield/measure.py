# SPDX-License-Identifier: Apache-2.0
"""From a calibrated image to a catalog of its stars."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from astropy import units as u
from astropy.table import Column, Table
from lsst.pex.config import ConfigurableField, Field, RangeField
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

from .detect import DetectTask
from .image import StarImage
from .photometry import Apertures

__all__ = ("MeasureConfig", "MeasureConnections", "MeasureTask", "make_catalog_schema")


def make_catalog_schema() -> Table:
    """Return an empty catalog.

    Returns
    -------
    schema : `astropy.table.Table`
        The catalog's columns with their types, units and descriptions, and no rows.
    """
    columns = [
        Column(name="source_id", dtype=np.int64, description="Number of the source within this catalog"),
        Column(name="x", dtype=np.float64, unit=u.pix, description="Centroid, column"),
        Column(name="y", dtype=np.float64, unit=u.pix, description="Centroid, row"),
        Column(name="flux", dtype=np.float64, unit=u.nJy, description="Flux in a circular aperture"),
        Column(name="flux_err", dtype=np.float64, unit=u.nJy, description="Bootstrapped error of flux"),
        Column(name="mask", dtype=np.int32, description="Mask planes that are set within the aperture"),
    ]
    return Table(columns)


class MeasureConnections(PipelineTaskConnections, dimensions=("instrument", "exposure", "detector")):
    """Datasets of `MeasureTask`."""

    calibrated = connectionTypes.Input(
        doc="Calibrated image (electron).",
        name="calibrated",
        storageClass="StarImage",
        dimensions=("instrument", "exposure", "detector"),
    )
    catalog_schema = connectionTypes.InitOutput(
        doc="Columns of the catalogs, without rows.", name="catalog_schema", storageClass="ArrowAstropy"
    )
    catalog = connectionTypes.Output(
        doc="Sources of one detector of one exposure.",
        name="catalog",
        storageClass="ArrowAstropy",
        dimensions=("instrument", "exposure", "detector"),
    )


class MeasureConfig(PipelineTaskConfig, pipelineConnections=MeasureConnections):
    """Configuration of `MeasureTask`."""

    detect = ConfigurableField(doc="Finds the sources.", target=DetectTask)
    aperture_radius = RangeField(dtype=float, doc="Radius of the aperture (pixel).", default=5.0, min=1.0)
    n_bootstrap = RangeField(dtype=int, doc="Number of realizations of the noise.", default=64, min=2)
    seed = Field[int](doc="Seed of the noise, to which every quantum adds its data ID.", default=20260314)


class MeasureTask(PipelineTask):
    """Detect and measure the stars on one detector of one exposure."""

    ConfigClass = MeasureConfig
    _DefaultName = "measure"

    config: MeasureConfig
    detect: DetectTask

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.makeSubtask("detect")
        self.catalog_schema = make_catalog_schema()

    def runQuantum(
        self,
        butlerQC: QuantumContext,
        inputRefs: InputQuantizedConnection,
        outputRefs: OutputQuantizedConnection,
    ) -> None:
        """Measure one quantum, with random numbers that depend on its data ID only."""
        data_id = outputRefs.catalog.dataId
        seed = (self.config.seed, data_id["exposure"], data_id["detector"])
        butlerQC.put(self.run(**butlerQC.get(inputRefs), seed=seed), outputRefs)

    def run(self, calibrated: StarImage, seed: Sequence[int]) -> Struct:
        """Detect and measure the sources of an image.

        Parameters
        ----------
        calibrated : `StarImage`, (ny, nx)
            Calibrated image without its sky (electron).
        seed : `~collections.abc.Sequence` [`int`]
            Seed of the bootstrap.

        Returns
        -------
        result : `lsst.pipe.base.Struct`
            ``catalog``, an `astropy.table.Table` with the columns of `make_catalog_schema`.
        """
        image = calibrated.in_flux_unit(self.catalog_schema["flux"].unit)
        peaks = self.detect.run(image)
        apertures = Apertures.around(image, peaks.x, peaks.y, self.config.aperture_radius)
        x, y = apertures.centroids()
        rng = np.random.default_rng(seed)
        measurements = {
            "source_id": np.arange(1, len(x) + 1),
            "x": x,
            "y": y,
            "flux": apertures.fluxes(),
            "flux_err": apertures.bootstrap_flux_errors(rng, self.config.n_bootstrap),
            "mask": apertures.masks(),
        }
        catalog = Table(
            [
                Column(measurements[name], name, column.dtype, unit=column.unit, description=column.description)
                for name, column in self.catalog_schema.columns.items()
            ]
        )
        self.metadata["n_sources"] = len(catalog)
        self.log.info("Measured %d sources.", len(catalog))
        return Struct(catalog=catalog)
