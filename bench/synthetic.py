# SPDX-License-Identifier: Apache-2.0
"""Synthetic jobs in the form of real ones: quanta of an imaging pipeline, in a few environments, on many hosts.

The documents are made by the classes that jobs make theirs with; then, since 10^6 of them must not take an hour, each
further job is a copy of its task's documents in which ids, digests, times and data IDs are others.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from envcap.digest import digest_of
from envcap.ids import timestamp, uuid_text
from envcap.model.components import RubinQuantum
from envcap.model.descriptor import Descriptor
from envcap.model.manifest import DatasetGroup, Job, Manifest, Outcome, Writer
from envcap.model.recipe import Recipe
from envcap.model.result import FileRecord, Input, Output, Result

__all__ = ("ENVIRONMENTS", "HOSTS", "STRETCH", "SyntheticJob", "synthetic_jobs")

ENVIRONMENTS = 3
HOSTS = 41
STRETCH = 10
TASKS = {"isr": ("raw",), "calibrate": ("postISRCCD", "flat"), "warp": ("calexp",), "coadd": ("directWarp", "skyCorr")}
_SOFTWARE = ("conda", "eups", "interpreter", "numerics", "operating_system", "os_packages", "process_env",
             "python_dists", "source")  # fmt: skip
_HOST = ("allotment", "container", "hardware")
_EPOCH = 1_764_000_000_000_000_000
_DIMENSIONS = ("instrument", "detector", "exposure")
_REPOSITORY = "file:///sdf/group/rubin/repo/main"
_RAW = "LSSTCam/raw/all"
_RUN = "LSSTCam/runs/DRP/v30_0_0/DM-51234/20261101T000000Z"


@dataclass(frozen=True)
class SyntheticJob:
    """One job: what is looked up, and its records as ``Journal.adopt`` takes them."""

    attempt: str
    quantum: str
    dataset: str
    digest: str
    records: tuple[tuple[str, bytes, str | None], ...]


class _Marks:
    """Stand-ins for what differs from job to job; each is as long as what comes in its place, since sizes are in it."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.digests: list[str] = []

    def id(self) -> str:
        self.ids.append(f"00000000-0000-7000-8000-{len(self.ids):012x}")
        return self.ids[-1]

    def digest(self) -> str:
        self.digests.append("sha256:" + f"{len(self.digests):064x}")
        return self.digests[-1]


_STARTED = "2000-01-01T00:00:00.000Z"
_ENDED = "2000-01-01T00:00:01.000Z"
_EXPOSURE = "1999123100000"
_DETECTOR = "999"
_WALL = "99.123"
_SKY = "999.9542541503906"


class _Template:
    """The documents of one task in one environment on one host."""

    def __init__(self, environment: int, host: int, label: str) -> None:
        marks = self.marks = _Marks()
        data = ("LSSTCam", _DETECTOR, _EXPOSURE)
        inputs = {name: marks.id() for name in TASKS[label]}
        outputs = {name: marks.id() for name in (f"{label}_image", f"{label}_metadata", f"{label}_log")}
        self.attempt, self.quantum, self.dataset = marks.id(), marks.id(), outputs[f"{label}_image"]
        recipe = Recipe(
            software={kind: _component(kind, environment) for kind in _SOFTWARE},
            work=RubinQuantum(
                task_class=f"lsst.pipe.tasks.{label}.{label.title()}Task", label=label,
                config=_component("rubin_config", list(TASKS).index(label)),
                data_id=dict(zip(_DIMENSIONS, data, strict=True)),
                inputs={name: [uuid] for name, uuid in inputs.items()}, init_inputs={},
            ).data,
        )  # fmt: skip
        self.recipe = recipe.to_bytes()
        self.recipe_digest, self.manifest_digest = marks.digest(), marks.digest()
        self.manifest = self._manifest(label, environment, host, data, inputs, outputs).to_bytes()
        self.result = self._result(label, inputs, outputs).to_bytes()

    def _manifest(
        self, label: str, environment: int, host: int, data: tuple[str, ...], inputs: Mapping[str, str],
        outputs: Mapping[str, str],
    ) -> Manifest:  # fmt: skip
        words = ["pipetask", "run-qbb", f"{_REPOSITORY}/butler.yaml", "submit/runs/20261101T000000Z/run.qg"]
        job = Job(
            kind="quantum", activator="pipetask", argv=words, parent="01a219eb-0ff9-7c28-b572-4a67191c2caf",
            name=f"{label} {{instrument: LSSTCam, detector: {_DETECTOR}, exposure: {_EXPOSURE}}}",
            quantum=self.quantum, run=_RUN, butler=_REPOSITORY, init_inputs=[],
            inputs=_groups(inputs, data, _RAW), outputs=_groups(outputs, data, _RUN),
            scheduler={"slurm.job_id": _EXPOSURE, "bps.run": "u_drp_20261101T000000Z"},
        )  # fmt: skip
        return Manifest(
            attempt=self.attempt, job_id=self.quantum, started=_STARTED, degraded=False, envcap="0.1.0", job=job,
            recipe=Descriptor(mediaType=Recipe.media_type, digest=self.recipe_digest, size=len(self.recipe)),
            host={kind: _component(kind, 100 + host) for kind in _HOST}, site=_component("site", environment),
            outcomes={kind: Outcome(status="captured") for kind in (*_SOFTWARE, *_HOST, "rubin_quantum")},
            writer=Writer(host=f"sdfmilan{host:03d}", boot_id=f"2a63516a-20a9-4464-ad6e-{host:012d}",
                          pid=20694, start="4122716", pid_namespace="pid:[4026531836]"),
        )  # fmt: skip

    def _result(self, label: str, inputs: Mapping[str, str], outputs: Mapping[str, str]) -> Result:
        end = f"{label}_LSSTCam_{_DETECTOR}_{_EXPOSURE}_LSSTCam_runs_DRP_v30_0_0_DM-51234_20261101T000000Z"

        def file(name: str, run: str) -> FileRecord:
            uri = f"{_REPOSITORY}/{run}/{name}/20261101/{name}_{end}.fits"
            return FileRecord(uri=uri, digest=self.marks.digest(), size=33_561_280)

        return Result(
            attempt=self.attempt, manifest=self.manifest_digest, ended=_ENDED, status="ok",
            content_key=self.marks.digest(),
            inputs=[
                Input(dataset=uuid, available=True, used=True, file=file(name, _RAW)) for name, uuid in inputs.items()
            ],
            outputs=[Output(dataset=uuid, dataset_type=name, file=file(name, _RUN)) for name, uuid in outputs.items()],
            resources={"max_rss_kb": "1246620", "system_s": "0.716", "user_s": "93.203", "wall_s": _WALL},
            metrics={f"{label}.n_saturated": "8", f"{label}.sky_level": _SKY},
            observed={kind: _component(kind, 7) for kind in ("effective_numerics", "loaded_libraries")},
            outcomes={kind: Outcome(status="captured") for kind in ("effective_numerics", "loaded_libraries")},
        )  # fmt: skip


def _component(kind: str, number: int) -> Descriptor:
    media_type = f"application/vnd.envcap.{kind.replace('_', '-')}.v1+json"
    return Descriptor(mediaType=media_type, digest=digest_of(f"{kind} {number}".encode()), size=1000)


def _groups(datasets: Mapping[str, str], data: tuple[str, ...], run: str) -> list[DatasetGroup]:
    return [
        DatasetGroup(
            dataset_type=name, run=run, storage_class="ExposureF", dimensions=_DIMENSIONS, rows=[[uuid, *data]]
        )
        for name, uuid in datasets.items()
    ]


def synthetic_jobs(count: int, seed: int = 1) -> Iterator[SyntheticJob]:
    """Yield jobs, the same ones for the same seed.

    Parameters
    ----------
    count : `int`
    seed : `int`
    """
    chance = random.Random(seed)
    templates: dict[tuple[int, int, str], _Template] = {}
    labels = list(TASKS)
    host = 0
    for number in range(count):
        # A process does a stretch of jobs on its host; an environment lasts for a part of the campaign.
        host = chance.randrange(HOSTS) if number % STRETCH == 0 else host
        chosen = (number * ENVIRONMENTS // count, host, labels[chance.randrange(len(labels))])
        if chosen not in templates:
            templates[chosen] = _Template(*chosen)
        yield _copy(templates[chosen], number, chance)


def _copy(template: _Template, number: int, chance: random.Random) -> SyntheticJob:
    began = _EPOCH + number * 10_000_000
    values = {mark: _uuid7(began + at * 1_000_000, chance) for at, mark in enumerate(template.marks.ids)}
    values.update({mark: f"sha256:{chance.getrandbits(256):064x}" for mark in template.marks.digests})
    values.update({
        _EXPOSURE: f"20261101{number % 100_000:05d}", _DETECTOR: f"{chance.randrange(100, 290)}",
        _STARTED: timestamp(began), _ENDED: timestamp(began + chance.randrange(10**10, 10**11)),
        _WALL: f"{chance.randrange(10_000, 99_999) / 1000:06.3f}",
        _SKY: f"{chance.randrange(100, 999)}.{chance.randrange(10**12, 10**13)}",
    })  # fmt: skip
    recipe = _filled(template.recipe, values)
    values[template.recipe_digest] = digest_of(recipe)
    manifest = _filled(template.manifest, values)
    digest = values[template.manifest_digest] = digest_of(manifest)
    result = _filled(template.result, values)
    attempt, quantum, dataset = (values[mark] for mark in (template.attempt, template.quantum, template.dataset))
    records = (("recipe", recipe, None), ("manifest", manifest, _seal(chance)), ("result", result, _seal(chance)))
    return SyntheticJob(attempt, quantum, dataset, digest, records)


_MARK = re.compile(
    rf"sha256:0{{60}}[0-9a-f]{{4}}|0{{8}}-0000-7000-8000-[0-9a-f]{{12}}|{_EXPOSURE}|\b{_DETECTOR}\b|{_STARTED}|{_ENDED}|{_WALL}|{_SKY}"
    rf"|(?<=_){_DETECTOR}(?=_)"
)


def _filled(document: bytes, values: Mapping[str, str]) -> bytes:
    return _MARK.sub(lambda found: values[found[0]], document.decode()).encode()


def _uuid7(time_ns: int, chance: random.Random) -> str:
    tail = chance.getrandbits(76) & ~(0b11 << 62) | 0b10 << 62
    return uuid_text((time_ns // 1_000_000 << 80 | 0x7 << 76 | tail).to_bytes(16, "big"))


def _seal(chance: random.Random) -> str:
    return f"9c2fe6cd19202529:{chance.getrandbits(128):032x}"
