# SPDX-License-Identifier: Apache-2.0
"""A campaign without its hours: files as the pipeline's tasks write them, really compared, and the rest made up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from astropy.io import fits

from envcap.digest import digest_of_file
from envcap.model.result import FileRecord, Output
from replay.campaign.entry import Entry
from replay.campaign.report.data import ReportData, Waiting
from replay.comparators.files import compare_files
from replay.comparators.policy import Policy
from replay.execute.remade import RemadeOutput
from replay.explain.suspect import Suspect
from replay.fidelity import Fidelity, Layer
from replay.verdict import JudgedOutput

from .starfield.starfield.scene import make_scene, render
from .starfield.starfield.smoothing import convolve, normalized_taps

__all__ = ("Night", "uuid")

_POLICY = Policy(rtol="1e-6")
_SHAPE = (128, 128)
_KERNEL, _BROKEN_KERNEL = (0.1, 0.8, 0.1), (0.12, 0.8, 0.12)
_CPUS = ("AMD EPYC 7702", "Intel Xeon Gold 6448Y")
_CODE = Suspect(
    "source",
    "starfield",
    "commit 8f3c01d2aa",
    "commit 1d27be9044",
    90,
    ["starfield/coadd.py is not the same: 2 lines", "only quanta of coadd differ, and coadd is imported from there"],
)
_NUMPY = Suspect("python_dists", "numpy", "2.3.5", "2.4.0", 40, ["it is loaded by the job"])
_THREADS = Suspect("effective_numerics", "openblas threads", "8", "1", 30, ["sums are in another order"])


@dataclass(frozen=True)
class Night:
    """Where the files of a campaign are.

    Attributes
    ----------
    folder : `pathlib.Path`
    """

    folder: Path

    def report(self, exposures: int = 60, detectors: int = 4, waiting: int = 0) -> ReportData:
        """Return a campaign in which somebody broke the coadds."""
        places = [(f"2026-03-14 exposure {100 + e}", e, d) for e in range(exposures) for d in range(detectors)]
        entries = [self._calibrate(*place) for place in places]
        entries += [self._measure(*place) for place in places]
        entries += [
            self._coadd(f"{band}, detector {d}", d, n) for n, band in enumerate("ugrizy") for d in range(detectors)
        ]
        left = [Waiting(uuid("w", n), uuid("W", n), "measure", f"2026-03-15 exposure {n}") for n in range(waiting)]
        description = [
            ("repository", "/data/starfield"),
            ("datasets", "instrument = 'StarCam' AND exposure.day_obs = 20260314"),
            ("sample", "all"),
            ("policy", _POLICY.digest[:19] + "…"),
            ("options", "engine docker, code current"),
            ("created", "2026-03-20T08:14:03.551Z"),
        ]
        times = {entry.attempt: 0.8 * float(entry.seconds) for entry in entries}
        return ReportData("spring-release", description, entries, left, times)

    def _calibrate(self, place: str, exposure: int, detector: int) -> Entry:
        return entry("calibrate", f"{place} detector {detector}", (exposure, detector), seconds=2.1)

    def _measure(self, place: str, exposure: int, detector: int) -> Entry:
        name, key = f"{place} detector {detector}", (exposure, detector)
        if exposure % 23 == 7:
            told = "the payload ended with status 1: RuntimeError: no stars brighter than 50 sigma"
            return entry("measure", name, key, verdict="failed", error=told, error_type="replay_failed", seconds=0.9)
        if exposure % 11 != 3:
            return entry("measure", name, key, seconds=0.7)
        rng = np.random.default_rng(key)
        flux = rng.lognormal(8, 1.5, 300)
        paths = self._paths("catalog", key, "parq")
        for path, values in zip(paths, (flux, flux * (1 + 3e-14 * rng.integers(-9, 9, 300))), strict=True):
            pq.write_table(pa.table({"id": np.arange(300), "flux": values}), path)
        return entry(
            "measure", name, key, outputs=[judged("catalog", *paths)], suspects=[_THREADS, _NUMPY], seconds=0.8
        )

    def _coadd(self, name: str, detector: int, number: int) -> Entry:
        key = (detector, number)
        rng = np.random.default_rng([7, *key])
        light = render(make_scene(detector + 10 * number, _SHAPE), _SHAPE, (0, 0), 3.4) / 20
        sky = (light + rng.normal(0, 2 + number, _SHAPE)).astype(np.float32)
        mask = (sky > 900).astype(np.uint8)
        broken = number > 0  # quanta of the u band come out the same
        spoilt = mask | np.uint8(4) * (rng.random(_SHAPE) > 0.999)
        paths = self._paths("coadd", key, "fits")
        write_image(paths[0], convolve(sky, normalized_taps(_KERNEL)), mask)
        write_image(
            paths[1],
            convolve(sky, normalized_taps(_BROKEN_KERNEL if broken else _KERNEL)),
            spoilt if broken else mask,
        )
        outputs = [judged("coadd", *paths)]
        return entry("coadd", name, key, outputs=outputs, suspects=[_CODE, _NUMPY] if broken else [], seconds=5.5)

    def _paths(self, dataset_type: str, key: Sequence[int], ending: str) -> tuple[Path, Path]:
        stem = f"{dataset_type}-{'-'.join(map(str, key))}"
        return self.folder / f"{stem}.{ending}", self.folder / f"{stem}.again.{ending}"


def uuid(*parts: object) -> str:
    """Return a UUID, the same for the same parts."""
    from uuid import NAMESPACE_OID, uuid5

    return str(uuid5(NAMESPACE_OID, repr(parts)))


def write_image(path: Path, image: npt.NDArray[np.float32], mask: npt.NDArray[np.uint8]) -> None:
    """Write a FITS file as the pipeline does."""
    hdus = [fits.PrimaryHDU(), fits.ImageHDU(image, name="IMAGE"), fits.ImageHDU(mask, name="MASK")]
    hdus[1].header["BUNIT"] = "nJy"
    fits.HDUList(hdus).writeto(path, overwrite=True)


def judged(dataset_type: str, original: Path, remade: Path, policy: Policy = _POLICY) -> dict[str, Any]:
    """Compare two files, and return what a verdict says of them."""
    output = Output(
        dataset=uuid(str(original)), dataset_type=dataset_type, file=FileRecord(digest=digest_of_file(str(original))[0])
    )
    again = RemadeOutput(
        str(output.dataset), uuid(str(remade)), dataset_type, remade.as_uri(), str(remade), str(original)
    )
    return JudgedOutput(output, str(original), again, compare_files(original, remade, policy), "").to_json()


def entry(
    task: str,
    name: str,
    key: Sequence[object],
    *,
    outputs: Sequence[dict[str, Any]] = (),
    verdict: str | None = None,
    error: str | None = None,
    error_type: str | None = None,
    suspects: Sequence[Suspect] = (),
    seconds: float = 1.0,
) -> Entry:
    """Return an entry, whose verdict is that of its outputs; without any, it is identical."""
    came_to = verdict or max((one["verdict"] for one in outputs), default="identical", key=_ORDER.index)
    attempt, number = uuid(task, *key), sum(map(ord, repr(key)))
    document = None
    if error is None:
        document = {"replay": uuid(attempt), "replay_of": attempt, "verdict": came_to, "layers": list(_layers(number)),
                    "outputs": list(outputs), "extra": []}  # fmt: skip
    took = seconds * np.random.default_rng(number).lognormal(0, 0.25)
    return Entry(
        attempt=attempt,
        quantum=uuid("quantum", task, *key),
        task=task,
        name=name,
        environment="stack-2026.12",
        cpu=_CPUS[number % 2],
        node=f"sdf{number % 40:03d}",
        verdict=came_to,
        error=error,
        error_type=error_type,
        fidelity=None if document is None else "substituted",
        seconds=f"{took:.3f}",
        tries=1 + (number % 97 == 0),
        document=document,
        suspects=[one.to_json() for one in suspects],
    )


_ORDER = ("identical", "equal", "equivalent", "different", "failed")


def _layers(number: int) -> Iterator[dict[str, str]]:
    here = _CPUS[0]
    told = [
        ("manifest", Fidelity.EXACT, "sealed by this user's key"),
        ("configuration", Fidelity.EXACT, "frozen"),
        ("inputs", Fidelity.EXACT, "by UUID"),
        ("interpreter", Fidelity.EXACT, "CPython 3.13.1"),
        ("python_dists", Fidelity.REBUILT, "312 distributions from their wheels"),
        ("source", Fidelity.SUBSTITUTED, "starfield at commit 1d27be9044 instead of 8f3c01d2aa"),
    ]
    hardware = (
        (Fidelity.EXACT, here) if number % 2 == 0 else (Fidelity.SUBSTITUTED, f"{here} instead of {_CPUS[1]} -avx512f")
    )
    for name, fidelity, detail in [*told, ("hardware", *hardware)]:
        yield Layer(name, fidelity, detail).to_json()
