# SPDX-License-Identifier: Apache-2.0
"""What ends a replay, with the exit codes of DESIGN section 5."""

from __future__ import annotations

from envcap.errors import EnvcapError

__all__ = ("BuildError", "ReplayFailedError", "ReplayRefusedError")


class ReplayRefusedError(EnvcapError):
    """The job must not or can't be replayed; nothing has run."""

    error_type = "refused"
    exit_code = 3


class BuildError(EnvcapError):
    """The environment could not be rebuilt."""

    error_type = "build"
    exit_code = 3


class ReplayFailedError(EnvcapError):
    """The payload failed, or made no output."""

    error_type = "replay_failed"
    exit_code = 4
