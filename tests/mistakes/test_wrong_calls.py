# SPDX-License-Identifier: Apache-2.0
"""A newcomer's mistakes: each ends in one line that says what is wrong and what to do, and in the documented status."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from tests.observatory import Observatory, snapshot

NONE = "0192f1c2-5a1e-7c8d-9e0f-112233445566"
RERUN = "rerun-dataset {repo}"

# What is typed, the exit status, and words of the message: the thing, and what to do.
MISTAKES: dict[str, tuple[str, int, tuple[str, ...]]] = {
    # the store
    "no store": ("envcap jobs --store {tmp}/none", 3, ("no store at", "--store or ENVCAP_STORE")),
    "no store to show from": ("envcap show @last --store {tmp}/none", 3, ("no store at",)),
    "no store to verify": ("envcap verify --all --store {tmp}/none", 3, ("no store at",)),
    "no store to re-run from": (RERUN + " {uuid} --store {tmp}/none", 3, ("no store at",)),
    "a file for the store": ("envcap jobs --store {tmp}/file", 3, ("Not a directory",)),
    "a store of another format": ("envcap jobs --store {tmp}/newer", 3, ("format '99'", "update it")),
    # selectors
    "an unknown job": ("envcap show job:nobody", 1, ("answers to 'job:nobody'", "envcap jobs")),
    "an unknown file": ("envcap show path:{tmp}/nothing.fits", 1, ("answers to", "envcap jobs")),
    "a directory for a file": ("envcap show path:{tmp}", 2, ("is a directory", "name a file")),
    "an empty selector": ("envcap show ''", 1, ("answers to ''",)),
    "a prefix too short": ("envcap show attempt:01", 1, ("answers to",)),
    "an ambiguous prefix": ("envcap show attempt:{prefix}", 2, ("is ambiguous",)),
    "one job to compare": ("envcap diff @last", 2, ("required: B",)),
    "a job and all": ("envcap verify @last --all", 2, ("name a job, or say --all",)),
    "neither a job nor all": ("envcap sign", 2, ("name a job, or say --all",)),
    # running
    "no command": ("envcap run", 2, ("no command to run", "after '--'")),
    "no such command": ("envcap run -- no-such-program", 127, ("no such command",)),
    "a file that is no program": ("envcap run -- {tmp}/file", 126, ("no executable file", "chmod +x")),
    "a configuration that is missing": ("envcap run --config {tmp}/none.ini -- true", 2, ("no such file",)),
    "a directory for an input": ("envcap run --input {tmp} -- true", 2, ("no such file",)),
    "an unknown option": ("envcap jobs --states ok", 2, ("unrecognized arguments: --states",)),
    "an unknown state": ("envcap jobs --state done", 2, ("invalid choice: 'done'",)),
    "an unknown command": ("envcap list", 2, ("no command 'list'", "--help")),
    "an unknown replay command": ("replay again", 2, ("no command 'again'", "--help")),
    # replays
    "a command job to replay": ("replay run {command}", 3, ("declared no output", "envcap run --output")),
    "an unknown engine": ("replay plan @last --engine lxc", 2, ("invalid choice: 'lxc'",)),
    "an unknown fidelity": ("replay plan @last --require perfect", 2, ("invalid choice: 'perfect'",)),
    "more than can be had": ("replay plan dataset:{uuid} --require exact", 3, ("interpreter is rebuilt",)),
    "a secret without a value": ("replay run dataset:{uuid} --secret TOKEN", 2, ("expected NAME=VALUE",)),
    "a policy that is missing": ("replay run dataset:{uuid} --policy {tmp}/none.toml", 2, ("none.toml",)),
    "a policy that is none": ("replay run dataset:{uuid} --policy {tmp}/file", 2, ("file",)),
    "a missing file to compare": ("replay compare {tmp}/none.fits {tmp}/file", 3, ("none.fits",)),
    "a directory to compare": ("replay compare {tmp} {tmp}/file", 3, ("directory",)),
    # datasets
    "no repository there": ("rerun-dataset {tmp}/none calibrated --collection u/me/first", 2, ("Butler repository",)),
    "not a repository": ("rerun-dataset {tmp} calibrated --collection u/me/first", 2, ("Butler repository",)),
    "a dataset of another repository": (RERUN + f" {NONE}", 1, (NONE,)),
    "an unknown dataset type": (
        RERUN + " nothing --collection u/me/first", 1, ("'nothing' is no UUID", "butler query-dataset-types")),
    "no collection": (RERUN + " coadd --data-id detector=0", 2, ("--collection C",)),
    "an unknown collection": (
        RERUN + " coadd --data-id instrument=StarCam --data-id detector=0 --collection u/you", 1, ("u/you", "butler")),
    "a wrong key": (RERUN + " coadd --data-id chip=0 --collection u/me/first", 2, ("--data-id chip", "detector")),
    "a wrong value": (RERUN + " coadd --data-id detector=one --collection u/me/first", 2, ("expected int",)),
    "a pair that is none": (RERUN + " coadd --data-id detector --collection u/me/first", 2, ("DIMENSION=VALUE",)),
    "an ambiguous data ID": (
        RERUN + " calibrated --data-id instrument=StarCam --collection u/me/first", 2, ("ambiguous", "--data-id")),
    "a file that is missing": (RERUN + " ./none.fits", 2, ("no such file",)),
    "a file of another kind": (RERUN + " {tmp}/file", 2, ("neither FITS nor Parquet", "UUID")),
    "a run without a name": (RERUN + " {uuid} --run ''", 2, ("name of a new RUN",)),
    "no graph": (RERUN + f" {NONE} --qgraph {{tmp}}/none.qg", 2, ("none.qg",)),
}  # fmt: skip


@pytest.fixture
def words(observatory: Observatory, tmp_path: Path) -> dict[str, str]:
    """Give what the rows name, and a few wrong things to name."""
    (tmp_path / "file").write_text("neither this nor that\n")
    (tmp_path / "newer").mkdir()
    (tmp_path / "newer" / "format.json").write_text('{"envcap":"99"}')
    uuid, _ = observatory.dataset("catalog")
    command = next(observatory.index().attempts("kind = 'command'"))
    return {
        "repo": str(observatory.world.repo),
        "tmp": str(tmp_path),
        "uuid": uuid,
        "command": f"attempt:{command.manifest.attempt}",
        "prefix": command.manifest.attempt[:6],
    }


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake(mistake: str, observatory: Observatory, words: dict[str, str], tmp_path: Path) -> None:
    typed, status, told = MISTAKES[mistake]
    command = shlex.split(typed.format(**words))
    before = snapshot(observatory.world.repo, tmp_path)
    done = observatory.run(*command)
    assert done.returncode == status, done.stderr
    lines = [line for line in done.stderr.splitlines() if not line.startswith(("usage:", " "))]
    assert len(lines) == 1, done.stderr
    assert len(lines[0]) <= (1500 if "ambiguous" in mistake else 600)  # what is ambiguous is listed
    for word in told:
        assert word in lines[0]
    assert snapshot(observatory.world.repo, tmp_path) == before, "nothing is lost, nothing is left behind"
