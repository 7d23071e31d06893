# SPDX-License-Identifier: Apache-2.0
"""All changes of a real quantum: found exactly, applied in any combination, and with all of them it is the other."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from replay.explain.changes.base import Change
from replay.explain.changes.registry import changes_between
from replay.explain.changes.source_files import code_trees
from replay.explain.hybrid import hybrid
from replay.explain.trial_store import TrialStore
from replay.fidelity import Fidelity
from replay.jobs.quantum import CapturedQuantum
from replay.options import Options
from tests.observatory import Observatory

from .quanta import quantum, run_with, use_places

_ONE = "detector = 0 AND exposure = 2026031400001"
_FANCY = """from lsst.pex.config import Field

from .detect import DetectConfig, DetectTask


class FancyConfig(DetectConfig):
    boost = Field(dtype=float, doc="x", default=1.0)


class FancyTask(DetectTask):
    ConfigClass = FancyConfig
"""
_OVERRIDES = """\
from starfield.fancy import FancyTask

config.detect.retarget(FancyTask)
config.detect.boost = 2.0
"""
_NAMES = [
    "configuration: detect",
    "configuration: aperture_radius",
    "inputs: calibrated {instrument: StarCam, detector: 0, exposure: 2026031400001}",
    "source: stack/notes.md",
    "source: stack/starfield/calibrate.py",
    "source: stack/starfield/coadd.py",
    "source: stack/starfield/fancy.py",
    "source: stack/starfield/scene.py",
    "numerics: OMP_NUM_THREADS",
    "process_env: LC_NUMERIC",
]
"""All that was done between the two."""


class Twins:
    """Two quanta that measure the same exposure, and what makes the one like the other."""

    def __init__(self, a: CapturedQuantum, b: CapturedQuantum, store: TrialStore) -> None:
        self.a = a
        self.b = b
        self.store = store
        self.changes = changes_between(a, b)

    def hybrid(self, changes: list[Change]) -> CapturedQuantum:
        """Return the first with some of the changes."""
        made = hybrid(self.a, self.b, changes, self.store)
        assert isinstance(made, CapturedQuantum)
        return made


@pytest.fixture(scope="module")
def twins(observatory: Observatory, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Twins]:
    """Measure an exposure twice; between, everything is changed that can be."""
    top = tmp_path_factory.mktemp("twins")
    with pytest.MonkeyPatch.context() as monkeypatch:
        own = observatory.clone(top)
        use_places(own, monkeypatch)
        world, package = own.world, own.world.stack / "starfield"
        (world.stack / "notes.md").write_text("notes\n")
        world.commit("Notes")
        run_with(own, "u/me/a", _ONE, {"OMP_NUM_THREADS": "1"})
        world.edit(package / "calibrate.py", "default=2.5", "default=2.75")
        world.git("rm", "--quiet", "notes.md")
        world.commit("Another default, no notes")
        world.edit(package / "coadd.py", "default=50.0", "default=60.0")
        world.edit(package / "scene.py", "from __future__", "# Edited.\nfrom __future__")
        world.git("add", "starfield/scene.py")
        (package / "fancy.py").write_text(_FANCY)
        (top / "measure.py").write_text(_OVERRIDES)
        more = ("-c", "measure:aperture_radius=6.0", "-C", f"measure:{top / 'measure.py'}")
        run_with(own, "u/me/b", _ONE, {"OMP_NUM_THREADS": "2", "LC_NUMERIC": "C"}, *more)
        store = TrialStore(str(top / "trials"), *(quantum(own, "measure", run).store for run in ("u/me/a", "u/me/b")))
        store.create()
        yield Twins(quantum(own, "measure", "u/me/a"), quantum(own, "measure", "u/me/b"), store)


def _software(job: CapturedQuantum) -> dict[str, str]:
    return {kind: one.digest for kind, one in job.attempt.recipe.software.items()}


def _files(job: CapturedQuantum) -> dict[str, dict[str, bytes]]:
    return {tree.name: dict(tree.files) for tree in code_trees(job)}


def test_exactly_what_was_done_is_found(twins: Twins) -> None:
    assert [change.title for change in twins.changes] == _NAMES
    assert [(one.before, one.after) for one in twins.changes[:2]] == [
        ("—", "starfield.fancy.FancyTask"),
        ("5.0", "6.0"),
    ]
    assert twins.changes[3].after == twins.changes[6].before == "—"


def test_a_job_has_no_changes_to_itself(twins: Twins) -> None:
    assert changes_between(twins.a, twins.a) == []


def test_without_changes_it_is_the_first(twins: Twins) -> None:
    made = twins.hybrid([])
    assert made.attempt.recipe.to_bytes() == twins.a.attempt.recipe.to_bytes()
    assert made.replay_of == twins.a.manifest.attempt
    assert made.manifest.attempt != twins.a.manifest.attempt


def test_with_all_changes_it_is_the_second(twins: Twins) -> None:
    made = twins.hybrid(twins.changes)
    ours, theirs = _software(made), _software(twins.b)
    # Half of one commit and half of another is none: the code consists of files then. A text of a configuration that
    # is written anew has its lines in another order.
    assert {kind for kind in {*ours, *theirs} if ours.get(kind) != theirs.get(kind)} == {"source"}
    assert _files(made) == _files(twins.b)
    assert made.frozen_config.fields == twins.b.frozen_config.fields
    works = [{name: value for name, value in one.work.data.items() if name != "config"} for one in (made, twins.b)]
    assert works[0] == works[1]
    inputs = [[one["id"] for one in job.datasets(job.manifest.job.inputs)] for job in (made, twins.b)]
    assert inputs[0] == inputs[1]
    assert made.umask == twins.b.umask
    assert made.variables == twins.b.variables


def test_the_way_back_is_found_as_well(twins: Twins) -> None:
    back = changes_between(twins.b, twins.a)
    assert [change.title for change in back] == _NAMES
    made = hybrid(twins.b, twins.a, back, twins.store)
    assert isinstance(made, CapturedQuantum)
    assert _files(made) == _files(twins.a)
    assert made.frozen_config.fields == twins.a.frozen_config.fields


@pytest.mark.parametrize("number", range(len(_NAMES)))
def test_one_change_changes_one_thing(twins: Twins, number: int) -> None:
    made = twins.hybrid([twins.changes[number]])
    assert [change.title for change in changes_between(twins.a, made)] == [_NAMES[number]]
    left = [name for place, name in enumerate(_NAMES) if place != number]
    assert [change.title for change in changes_between(made, twins.b)] == left


def test_any_part_of_them_can_be_planned(twins: Twins) -> None:
    chance = random.Random(20261127)
    for size in (0, 1, 2, 5, 8, len(_NAMES)):
        chosen = sorted(chance.sample(range(len(_NAMES)), size))
        plan = Options().plan(twins.hybrid([twins.changes[number] for number in chosen]))
        plan.check(Fidelity.SUBSTITUTED)
        assert "configuration" in {layer.name for layer in plan.layers}


def test_the_jobs_are_left_as_they_were(twins: Twins) -> None:
    before = [one.attempt.recipe.to_bytes() + one.manifest.to_bytes() for one in (twins.a, twins.b)]
    stored = {path for path in Path(twins.a.store.root).rglob("*") if "index" not in path.name}
    twins.hybrid(twins.changes)
    assert [one.attempt.recipe.to_bytes() + one.manifest.to_bytes() for one in (twins.a, twins.b)] == before
    assert {path for path in Path(twins.a.store.root).rglob("*") if "index" not in path.name} == stored
