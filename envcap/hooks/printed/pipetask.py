# SPDX-License-Identifier: Apache-2.0
"""For `pipetask` at a prompt: a prefix."""

from __future__ import annotations

from .base import PrintedHook, words

__all__ = ("PipetaskHook",)


class PipetaskHook(PrintedHook):
    """The command line of a pipetask whose quanta are all captured."""

    system = "pipetask"

    def text(self, store: str | None) -> str:
        """Return the command line."""
        return (
            "# Put this before any pipetask: each of its quanta becomes a job, and the whole command, too.\n"
            f"{words('envcap', 'run', store=store)} -- pipetask run -b REPO -i INPUTS -o OUTPUT -p PIPELINE.yaml\n"
        )
