# SPDX-License-Identifier: Apache-2.0
"""Where campaigns are, and what they may be called."""

from __future__ import annotations

import os
import re

from envcap.errors import UsageError

__all__ = ("campaign_folder", "campaign_names", "campaigns_dir")

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
DEFINITION = "campaign.json"
"""The file that says what a campaign is."""


def campaigns_dir() -> str:
    """Return ``ENVCAP_CAMPAIGNS``, else ``envcap/campaigns`` in the user's data directory (XDG specification)."""
    if named := os.environ.get("ENVCAP_CAMPAIGNS"):
        return os.path.abspath(named)
    data = os.environ.get("XDG_DATA_HOME") or os.path.join(os.path.expanduser("~"), ".local", "share")
    if data.startswith("~"):
        raise UsageError("there is no place for campaigns, since this user has no home: ENVCAP_CAMPAIGNS names one")
    return os.path.join(os.path.abspath(data), "envcap", "campaigns")


def campaign_folder(name: str) -> str:
    """Return a campaign's folder.

    Raises
    ------
    UsageError
        If no campaign can be called so.
    """
    if not _NAME.fullmatch(name):
        told = "a campaign's name has letters, digits, '.', '_' and '-', at most 64, and begins with a letter or digit"
        raise UsageError(f"{name[:80]!r}: {told}")
    return os.path.join(campaigns_dir(), name)


def campaign_names() -> list[str]:
    """Return the names of all campaigns."""
    try:
        names = os.listdir(campaigns_dir())
    except FileNotFoundError:
        return []
    except OSError as err:
        raise UsageError(f"{campaigns_dir()}: {err.strerror or err}; ENVCAP_CAMPAIGNS names another place") from err
    return sorted(name for name in names if os.path.isfile(os.path.join(campaigns_dir(), name, DEFINITION)))
