# SPDX-License-Identifier: Apache-2.0
"""Installed files that are not what was installed, and the Python itself."""

from __future__ import annotations

from ..facts import Facts
from .base import Raw, Rule, Weight, by_size

__all__ = ("InstalledFilesRule", "InterpreterRule")


class InstalledFilesRule(Rule):
    """A file that somebody edited in place: no version number tells it."""

    layers = ("installed_files",)

    def weigh(self, raw: Raw, facts: Facts) -> Weight:
        """Weigh a file."""
        if raw.name in ("files", "method"):
            return Weight(2, ("how it was looked at, not what was found",))
        owner = next((value for value in (raw.after, raw.before) if " " in value), "")
        used = facts.is_used(owner) if owner else None
        if used is False:
            return Weight(14, (f"it is not what {owner} brought, but the job loaded nothing of that",))
        score, _ = by_size(82, 64, facts)
        return Weight(score, ("it was changed after it was installed, and no version tells",))


class InterpreterRule(Rule):
    """Another Python."""

    layers = ("interpreter",)

    def weigh(self, raw: Raw, facts: Facts) -> Weight:
        """Weigh it: a version of another minor number changes more than a patch does."""
        minor = raw.before.split(".")[:2] != raw.after.split(".")[:2]
        score, evidence = by_size(58 if minor else 44, 40, facts)
        return Weight(score, (*evidence, "it ran all of the job's code"))
