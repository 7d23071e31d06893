# SPDX-License-Identifier: Apache-2.0
"""The configuration and the work itself: both are there to decide results."""

from __future__ import annotations

from ...jobs.command import CapturedCommand
from ..facts import Facts
from .base import Raw, Rule, Weight, by_size

__all__ = ("ConfigurationRule", "WorkRule")


class ConfigurationRule(Rule):
    """A field that the code reads is likelier than one that no code is seen to read."""

    layers = ("configuration",)

    def weigh(self, raw: Raw, facts: Facts) -> Weight:
        """Weigh a field, or a configuration file."""
        if isinstance(facts.a, CapturedCommand):
            return _of_file(raw.name, facts.a, facts)
        score, evidence = by_size(80, 55, facts)
        name = raw.name.rpartition(".")[2].rpartition("[")[0] or raw.name.rpartition(".")[2]
        mention = facts.code.first((name,))
        if mention is not None:
            return Weight(score + 5, (*evidence, f"the code reads it: {mention}"))
        return Weight(score, evidence)


def _of_file(name: str, job: CapturedCommand, facts: Facts) -> Weight:
    """Weigh a configuration file of a command: one that nothing names is hardly read."""
    named = any(f"{{config:{name}}}" in word for word in job.command.argv)
    mention = facts.code.first((name,))
    if not (named or mention):
        return Weight(14, ("neither the command line nor the code names it",))
    score, evidence = by_size(80, 55, facts)
    return Weight(score, (*evidence, f"the code names it: {mention}" if mention else "the command line names it"))


class WorkRule(Rule):
    """Another task, or other words on the command line."""

    layers = ("work", "code")

    def weigh(self, raw: Raw, facts: Facts) -> Weight:
        """Weigh it."""
        return by_size(85, 60, facts)
