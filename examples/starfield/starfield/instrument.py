# SPDX-License-Identifier: Apache-2.0
"""The camera, as the middleware knows it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lsst.pipe.base import Instrument

from .formatters import RawFormatter

if TYPE_CHECKING:
    from lsst.daf.butler import DataId, Registry

__all__ = ("StarCam",)


class StarCam(Instrument):
    """A simulated camera of two detectors, side by side, behind one filter."""

    policyName = "starcam"
    configPaths = (str(Path(__file__).resolve().parents[1] / "config"),)
    raw_definition = ("raw", ("instrument", "exposure", "detector"), "StarImage")

    detectors = ("S00", "S01")
    """Names of the detectors; the position is the detector's ID."""
    physical_filter = "starcam-r"
    band = "r"

    @classmethod
    def getName(cls) -> str:
        """Return the name of the instrument in data IDs."""
        return "StarCam"

    def register(self, registry: Registry, *, update: bool = False) -> None:
        """Insert the instrument, its detectors and its filter into a registry.

        Parameters
        ----------
        registry : `lsst.daf.butler.Registry`
            Registry to modify.
        update : `bool`, optional
            If `True`, replace records that differ.
        """
        name = self.getName()
        instrument = {
            "name": name,
            "class_name": f"{type(self).__module__}.{type(self).__qualname__}",
            "detector_max": len(self.detectors),
            "exposure_max": 10**13,
            "visit_max": 10**13,
        }
        physical_filter = {"instrument": name, "name": self.physical_filter, "band": self.band}
        with registry.transaction():
            registry.syncDimensionData("instrument", instrument, update=update)
            registry.syncDimensionData("physical_filter", physical_filter, update=update)
            for number, full_name in enumerate(self.detectors):
                detector = {"instrument": name, "id": number, "full_name": full_name, "purpose": "SCIENCE"}
                registry.syncDimensionData("detector", detector, update=update)

    def getRawFormatter(self, dataId: DataId) -> type[RawFormatter]:
        """Return the formatter that reads raw frames; all data IDs have the same."""
        return RawFormatter
