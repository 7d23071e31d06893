# SPDX-License-Identifier: Apache-2.0
"""A regression in one task is found by a campaign on today's code, and its gate fails."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.campaigns.conftest import FIVE, Campaigns

pytestmark = pytest.mark.slow


def test_a_regression_in_one_task_is_found_there_alone(few: Campaigns) -> None:
    few.create("sound", "--where", FIVE, "--code", "current")
    few.campaign("run", "sound", "--workers", "1")
    few.campaign("gate", "sound", "--min", "100%")
    few.edit_measure(
        "from dataclasses import replace",
        "calibrated = replace(calibrated, image=calibrated.image * np.float32(1.001))",
    )
    few.create("R1", "--where", FIVE, "--code", "current")
    few.campaign("run", "R1", "--workers", "1")
    found = few.status("R1")
    assert found["tasks"]["measure"]["different"] == 2
    assert found["tasks"]["calibrate"]["different"] == found["tasks"]["coadd"]["different"] == 0
    told = few.campaign("gate", "R1", "--min", "99%", status=1)
    assert "R1: not passed: 3 of 5 quanta (60.00 %) are equivalent or better; 99 % must be" in told
    few.campaign("gate", "R1", "--min", "60%")
    report = json.loads(few.campaign("report", "R1", "--format", "json"))
    assert report["tasks"][0]["task"] == "measure"
    assert [(one["task"], one["verdict"]) for one in report["quanta"][:2]] == [("measure", "different")] * 2
    assert report["suspects"][0]["layer"] == "source"
    assert report["suspects"][0]["tasks"] == {"measure": 2}
    for entry in few.lines("R1"):
        remade = [Path(one["remade"]["uri"].removeprefix("file://")) for one in entry["document"]["outputs"]]
        # For a report, what differs is kept; the rest must not fill a disk.
        assert [path.exists() for path in remade] == [entry["verdict"] == "different"] * len(remade)
    # With captured code, all is as it was.
    few.create("R2", "--where", FIVE)
    few.campaign("run", "R2", "--workers", "1")
    few.campaign("gate", "R2", "--min", "100%", "--verdict", "equal")
