# SPDX-License-Identifier: Apache-2.0
"""What is wrong with a campaign, with the exit codes of DESIGN section 5."""

from __future__ import annotations

from envcap.errors import EnvcapError

__all__ = ("CampaignError", "UnknownCampaignError")


class CampaignError(EnvcapError):
    """A campaign can't be made, read or run."""

    error_type = "campaign"
    exit_code = 3


class UnknownCampaignError(EnvcapError):
    """There is no campaign of that name."""

    error_type = "unknown_campaign"
    exit_code = 1
