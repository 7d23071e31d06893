# SPDX-License-Identifier: Apache-2.0
"""What is said to people while a job runs: one line, to the job's own stderr, whatever that is."""

from __future__ import annotations

import os

__all__ = ("warn",)

_STDERR = 2


def warn(message: str) -> None:
    """Say something to whoever reads the job's stderr."""
    try:
        os.write(_STDERR, f"envcap: {message}\n".encode("utf-8", "backslashreplace"))
    except OSError:
        # It is closed, full or missing: the payload matters more than what we have to say.
        return
