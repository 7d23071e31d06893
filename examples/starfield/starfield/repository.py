# SPDX-License-Identifier: Apache-2.0
"""Make a data repository with raw frames and flat fields: ``python -m starfield.repository REPO``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from astropy import units as u
from astropy.time import Time
from lsst.daf.butler import (
    Butler,
    CollectionType,
    Config,
    DatasetIdGenEnum,
    DatasetRef,
    DatasetType,
    FileDataset,
    Timespan,
)

from .instrument import StarCam
from .observation import Observation, schedule
from .simulate import simulate_flat, simulate_raw

__all__ = ("make_repository",)

_BUTLER_CONFIG = {
    "storageClasses": {"StarImage": {"pytype": "starfield.image.StarImage"}},
    "datastore": {"formatters": {"StarImage": "starfield.formatters.StarImageFormatter"}},
}


@dataclass(frozen=True)
class _FlatEpoch:
    """A flat field and the dates from which and up to which it is valid (noon TAI)."""

    number: int
    begin: str
    end: str

    @property
    def timespan(self) -> Timespan:
        return Timespan(*(Time(f"{date}T12:00:00", scale="tai") for date in (self.begin, self.end)))


_FLAT_EPOCHS = (_FlatEpoch(1, "2026-03-10", "2026-03-16"), _FlatEpoch(2, "2026-03-16", "2026-03-22"))


def make_repository(root: str, n_exposures: int = 4) -> Butler:
    """Make a repository that is ready for the pipeline.

    Parameters
    ----------
    root : `str`
        Directory or URI of the new repository.
    n_exposures : `int`, optional
        Number of exposures, each with all detectors.

    Returns
    -------
    butler : `lsst.daf.butler.Butler`
        A writeable client of the repository.

    Raises
    ------
    FileExistsError
        Raised if there is a repository already.
    """
    butler = Butler.from_config(Butler.makeRepo(root, config=Config(_BUTLER_CONFIG)), writeable=True)
    instrument = StarCam()
    instrument.register(butler.registry)
    observations = schedule(n_exposures)
    for observation in observations:
        _register_observation(butler, observation)
    _ingest_raws(butler, instrument, observations)
    _certify_flats(butler, instrument)
    defaults = instrument.makeUmbrellaCollectionName()
    butler.collections.register(defaults, CollectionType.CHAINED)
    butler.collections.redefine_chain(
        defaults, [instrument.makeDefaultRawIngestRunName(), instrument.makeCalibrationCollectionName()]
    )
    return butler


def _register_observation(butler: Butler, observation: Observation) -> None:
    """Insert the dimension records of an exposure."""
    name, day_obs = StarCam.getName(), observation.day_obs
    noon = Time(f"{observation.night}T12:00:00", scale="tai")
    night = {"instrument": name, "id": day_obs, "timespan": Timespan(noon, noon + 1 * u.day)}
    exposure = {
        "instrument": name,
        "id": observation.exposure,
        "obs_id": observation.obs_id,
        "physical_filter": StarCam.physical_filter,
        "group": observation.obs_id,
        "day_obs": day_obs,
        "seq_num": observation.seq_num,
        "exposure_time": observation.exposure_time,
        "observation_type": "science",
        "target_name": "starfield",
        "has_simulated": True,
        "timespan": Timespan(observation.begin, observation.end),
    }
    butler.registry.syncDimensionData("day_obs", night)
    butler.registry.syncDimensionData("group", {"instrument": name, "name": observation.obs_id})
    butler.registry.syncDimensionData("exposure", exposure)


def _ingest_raws(butler: Butler, instrument: StarCam, observations: Sequence[Observation]) -> None:
    """Simulate the raw frames and copy their files into the repository."""
    name, dimensions, storage_class = instrument.raw_definition
    raw = DatasetType(name, dimensions, storage_class, universe=butler.dimensions)
    butler.registry.registerDatasetType(raw)
    run = instrument.makeDefaultRawIngestRunName()
    butler.collections.register(run)
    with TemporaryDirectory() as directory:
        datasets = []
        for observation in observations:
            epoch = next(e for e in _FLAT_EPOCHS if e.timespan.contains(observation.begin))
            for detector in range(len(instrument.detectors)):
                data_id = butler.registry.expandDataId(
                    instrument=instrument.getName(), exposure=observation.exposure, detector=detector
                )
                # Like Rubin's own ingest: the same raw frame has the same ID in every repository.
                ref = DatasetRef(raw, data_id, run, id_generation_mode=DatasetIdGenEnum.DATAID_TYPE_RUN)
                path = Path(directory, f"{observation.obs_id}_{detector}.fits")
                simulate_raw(observation, detector, epoch.number).writeto(path)
                datasets.append(FileDataset(str(path), ref, formatter=instrument.getRawFormatter(data_id)))
        butler.ingest(*datasets, transfer="copy")


def _certify_flats(butler: Butler, instrument: StarCam) -> None:
    """Put the flat fields of all epochs and declare when they are valid."""
    flat = DatasetType(
        "flat",
        ("instrument", "detector", "physical_filter"),
        "StarImage",
        universe=butler.dimensions,
        isCalibration=True,
    )
    butler.registry.registerDatasetType(flat)
    calibrations = instrument.makeCalibrationCollectionName()
    butler.collections.register(calibrations, CollectionType.CALIBRATION)
    for epoch in _FLAT_EPOCHS:
        run = instrument.makeCalibrationCollectionName("flat", epoch.begin.replace("-", ""))
        butler.collections.register(run)
        refs = [
            butler.put(
                simulate_flat(detector, epoch.number, epoch.begin),
                flat,
                instrument=instrument.getName(),
                detector=detector,
                physical_filter=instrument.physical_filter,
                run=run,
            )
            for detector in range(len(instrument.detectors))
        ]
        butler.registry.certify(calibrations, refs, epoch.timespan)


def _report(butler: Butler, root: str) -> None:
    """Print what is in the repository."""
    print(f"Repository {root}")
    for info in butler.collections.query_info("*", include_summary=True):
        contents = ", ".join(info.children or sorted(info.dataset_types or ()))
        print(f"  {info.name:32} {info.type.name:12} {contents}")


def _main() -> None:
    parser = argparse.ArgumentParser(prog="python -m starfield.repository", description=__doc__)
    parser.add_argument("repo", metavar="REPO", help="directory of the new repository")
    parser.add_argument("--exposures", type=int, default=4, metavar="N", help="number of exposures")
    arguments = parser.parse_args()
    with make_repository(arguments.repo, arguments.exposures) as butler:
        _report(butler, arguments.repo)


if __name__ == "__main__":
    _main()
