# SPDX-License-Identifier: Apache-2.0
"""A small campaign, with the files that it compared."""

from __future__ import annotations

import pytest

from examples.campaign import Night
from replay.campaign.report.data import ReportData


@pytest.fixture(scope="session")
def night(tmp_path_factory: pytest.TempPathFactory) -> ReportData:
    """Give a campaign in which somebody broke the coadds: 10 of them differ, 2 do not."""
    return Night(tmp_path_factory.mktemp("night")).report(exposures=16, detectors=2, waiting=3)
