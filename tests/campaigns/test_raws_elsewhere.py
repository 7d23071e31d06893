# SPDX-License-Identifier: Apache-2.0
"""Raw frames that were ingested where they stand (``transfer="direct"``), outside the repository."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.campaigns.conftest import FIVE, Campaigns, judge
from tests.observatory import Observatory

pytestmark = pytest.mark.slow

MOVE = """
import shutil, sys
from pathlib import Path
from lsst.daf.butler import Butler, FileDataset
from starfield.instrument import StarCam

repository, place = sys.argv[1:]
butler = Butler.from_config(repository, writeable=True)
refs = butler.query_datasets("raw", collections="*", find_first=False)
moved = []
for ref in refs:
    path = Path(place, str(ref.dataId["exposure"]), butler.getURI(ref).basename())
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(butler.getURI(ref).ospath, path)
    moved.append(FileDataset(str(path), ref, formatter=StarCam().getRawFormatter(ref.dataId)))
butler.pruneDatasets(refs, disassociate=False, unstore=True, purge=False)
butler.ingest(*moved, transfer="direct")
"""

COUNTED = """
from replay.execute import server

start = server.QuantumServer.__init__

def counted(self, built, mounts, *others):
    with open({log!r}, "a") as stream:
        print(*sorted(one.source for one in mounts if one.source.endswith(".fits")), file=stream)
    start(self, built, mounts, *others)

server.QuantumServer.__init__ = counted
"""
"""Notes which raw frames each server of a worker sees."""


@pytest.fixture
def elsewhere(own: Observatory, bubblewrap: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Campaigns:
    """A world whose raw frames stand beside its repository, and whose pipeline ran on two of them.

    Where it is re-run, bubblewrap hides what is not shown to a quantum.
    """
    monkeypatch.setenv("PATH", f"{bubblewrap}:{os.environ['PATH']}")
    world = own.world
    world.run([str(world.env / "bin" / "python"), "-c", MOVE, str(world.repo), str(tmp_path / "raws")])
    own.observe(where=FIVE)
    return Campaigns(world, tmp_path / "campaigns")


def test_one_server_sees_those_of_a_whole_batch(elsewhere: Campaigns, tmp_path: Path) -> None:
    elsewhere.create("R1", "--where", FIVE)
    ordered = sorted(elsewhere.planned("R1"), key=lambda one: (one["task"], one["attempt"]))
    log = tmp_path / "servers"
    request = {"quanta": [one["attempt"] for one in ordered], "tries": {}}
    judge(elsewhere, elsewhere.folder / "R1", request, COUNTED.format(log=str(log)))
    elsewhere.assert_judged_once("R1")
    assert {one["verdict"] for one in elsewhere.lines("R1")} == {"identical", "equal"}
    (seen,) = log.read_text().splitlines()
    raws = sorted(str(path) for path in (tmp_path / "raws").glob("202603140000[12]/*S00*.fits"))
    assert len(raws) == 2
    assert seen.split() == raws


def test_what_nobody_vouches_for_shows_nothing(elsewhere: Campaigns, tmp_path: Path) -> None:
    """A manifest of somebody else's names a file of this host as an input of its quantum."""
    calibrate = elsewhere.world.pipetask("u/me/theirs", "-d", "detector = 1 AND exposure = 2026031400001")
    theirs = {**elsewhere.world.variables(), "ENVCAP_KEY": str(tmp_path / "their-key")}
    elsewhere.world.run(["envcap", "run", "--", *calibrate], variables=theirs)
    elsewhere.create("R1", "--where", "exposure IN (2026031400001, 2026031400002)", "--task", "calibrate")
    ordered = sorted(elsewhere.planned("R1"), key=lambda one: one["name"])
    log = tmp_path / "servers"
    request = {"quanta": [one["attempt"] for one in ordered], "tries": {}}
    judge(elsewhere, elsewhere.folder / "R1", request, COUNTED.format(log=str(log)))
    assert [one["verdict"] for one in elsewhere.lines("R1")].count("failed") == 1
    for seen in log.read_text().splitlines():
        assert "_S01_" not in seen


def test_one_that_was_tampered_with_is_refused(elsewhere: Campaigns, tmp_path: Path) -> None:
    identified = ("calibrated", "--data-id", "instrument=StarCam", "--data-id", "detector=0")
    identified += ("--data-id", "exposure=2026031400001", "--collection", "u/me/own")
    done = elsewhere.rerun(*identified)
    assert done.returncode == 0, done.stderr
    assert "bubblewrap: this host read-only" in elsewhere.run("replay", "plan", "@last").stdout
    (raw,) = (tmp_path / "raws" / "2026031400001").glob("*S00*.fits")
    content = raw.read_bytes()
    raw.write_bytes(content[:-2880] + content[-2880:].replace(b"\0", b"\1", 1))
    done = elsewhere.rerun(*identified)
    assert done.returncode == 3
    assert raw.name in done.stderr
