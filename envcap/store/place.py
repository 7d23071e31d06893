# SPDX-License-Identifier: Apache-2.0
"""Where a user's store is. Apart, since `envcap run` asks before it starts the payload."""

from __future__ import annotations

import os

__all__ = ("default_store",)


def default_store() -> str:
    """Return ``ENVCAP_STORE``, else ``envcap`` in the user's data directory (XDG base directory specification)."""
    if named := os.environ.get("ENVCAP_STORE"):
        return named
    data = os.environ.get("XDG_DATA_HOME") or os.path.join(os.path.expanduser("~"), ".local", "share")
    return os.path.join(data, "envcap")
