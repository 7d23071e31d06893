# SPDX-License-Identifier: Apache-2.0
"""Bisecting quanta of the example pipeline: a field, a package, a file of the code is the cause, and is named alone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from examples.world import World
from replay.explain.bisection import Finding
from replay.explain.trial import Outcome
from tests.observatory import Observatory
from tests.services.small_wheels import make_wheel

from .quanta import PAIR, bisected, quantum, run_with, use_places

_ONE = "detector = 0 AND exposure = 2026031400001"
_UPGRADES = ("wcwidth==0.2.13", "platformdirs==4.3.6", "tabulate==0.9.0")
"""Packages that no task depends on, in versions that aren't those of the lock."""
_TAPS = "[0.25, 0.5, 0.25]"


@pytest.fixture
def site(own: Observatory, monkeypatch: pytest.MonkeyPatch) -> Observatory:
    """A world of one's own, whose environment is the observatory's."""
    use_places(own, monkeypatch)
    return own


@pytest.fixture
def changing(observatory: Observatory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Observatory:
    """A world whose environment may be changed."""
    found = observatory.clone(tmp_path)
    found.world.env.unlink()
    found.world.make_environment()
    use_places(found, monkeypatch)
    return found


def _causes(found: Observatory, task: str) -> list[tuple[str, str, str]]:
    bisection = bisected(found, task, "u/me/a", "u/me/b")
    assert bisection.finding is Finding.CAUSE, list(bisection.lines())
    assert bisection.others == Outcome.A, list(bisection.lines())
    assert bisection.notes == []
    # No trial is lost to an environment that is rebuilt while others use it.
    assert [trial.reason for trial in bisection.trials if trial.outcome is Outcome.FAILED] == []
    return [(change.title, change.before, change.after) for change in bisection.cause]


@pytest.mark.slow
def test_one_field_is_named_alone_although_all_inputs_are_others(site: Observatory) -> None:
    site.observe(output="u/me/a", where=PAIR)
    site.observe("-c", f"coadd:kernel={_TAPS}", output="u/me/b", where=PAIR)
    found = bisected(site, "coadd", "u/me/a", "u/me/b")
    assert [change.title for change in found.changes if change.layer != "inputs"] == ["configuration: kernel"]
    assert len(found.changes) == 6  # two images, two catalogs and a schema of another RUN
    assert _causes(site, "coadd") == [("configuration: kernel", "[0.1, 0.8, 0.1]", _TAPS)]
    (alone,) = [trial for trial in found.trials if len(trial.changes) == 1]
    assert alone.outcome is Outcome.B
    # The control: nothing else makes the second's outputs.
    (rest,) = [trial for trial in found.trials if len(trial.changes) == 5]
    assert rest.outcome is Outcome.A


@pytest.mark.slow
def test_one_field_is_named_among_irrelevant_upgrades(changing: Observatory) -> None:
    changing.observe(output="u/me/a", where=_ONE)
    changing.world.install("--no-deps", *_UPGRADES)
    changing.observe("-c", "measure:aperture_radius=6.0", output="u/me/b", where=_ONE)
    found = bisected(changing, "measure", "u/me/a", "u/me/b")
    assert {one.name for one in found.changes if one.layer == "python_dists"} == {
        pin.partition("==")[0] for pin in _UPGRADES
    }
    assert _causes(changing, "measure") == [("configuration: aperture_radius", "5.0", "6.0")]
    import replay

    explained = replay.explain(*(quantum(changing, "measure", run).attempt for run in ("u/me/a", "u/me/b")))
    assert explained.suspects[0].title == "configuration: aperture_radius"
    packages = [one for one in explained.suspects if one.layer == "python_dists"]
    assert len(packages) == len(_UPGRADES)
    # The command line that runs the pipeline does load the first of them.
    unused = [one for one in packages if one.name != "wcwidth"]
    assert all(one.evidence == ("the job loaded nothing of it",) for one in unused)


def _use_knob(world: World) -> None:
    """Let the task's code call a function of a small package."""
    world.edit(world.stack / "starfield" / "measure.py", "from .detect", "import knob\n\nfrom .detect")
    old = '"flux": apertures.fluxes(),'
    world.edit(world.stack / "starfield" / "measure.py", old, '"flux": apertures.fluxes() * float(knob.version),')
    world.commit("A knob")


@pytest.mark.slow
def test_a_package_is_named(changing: Observatory, tmp_path: Path) -> None:
    wheels = [str(make_wheel(tmp_path, name, version)) for version in ("1.0", "2.0") for name in ("knob", "idle")]
    _use_knob(changing.world)
    changing.world.install("--no-deps", *wheels[:2])
    changing.observe(output="u/me/a", where=_ONE)
    # On no index, both versions have to be somewhere.
    second = World(tmp_path / "second")
    second.root.mkdir()
    second.make_environment(*wheels[2:])
    path = os.pathsep.join((str(second.env / "bin"), os.environ["PATH"]))
    run_with(changing, "u/me/b", _ONE, {"PATH": path})
    assert _causes(changing, "measure") == [("python_dists: knob", "1.0", "2.0")]


@pytest.mark.slow
def test_a_file_of_the_code_is_named(site: Observatory) -> None:
    site.observe(output="u/me/a", where=_ONE)
    package = site.world.stack / "starfield"
    site.world.edit(package / "measure.py", '"flux": apertures.fluxes(),', '"flux": apertures.fluxes() * 2.0,')
    site.world.edit(package / "coadd.py", "default=50.0", "default=60.0")
    (package / "unused.py").write_text("value = 1\n")
    run_with(site, "u/me/b", _ONE, {"LC_NUMERIC": "C"})
    (cause,) = _causes(site, "measure")
    assert cause[0] == "source: stack/starfield/measure.py"
