# SPDX-License-Identifier: Apache-2.0
"""All kinds of changes that can be tried, in the order in which they are applied."""

from __future__ import annotations

from ...jobs.base import CapturedJob
from .base import Change, ChangeKind
from .conda_packages import CondaChanges
from .configuration import ConfigurationChanges
from .distributions import DistributionChanges
from .inputs import InputChanges
from .interpreter import InterpreterChanges
from .products import EupsChanges
from .source_files import SourceChanges
from .variables import NumericsChanges, ProcessEnvChanges
from .work import WorkChanges

__all__ = ("CHANGE_KINDS", "changes_between")

CHANGE_KINDS: tuple[type[ChangeKind], ...] = (
    WorkChanges,
    ConfigurationChanges,
    InputChanges,
    SourceChanges,
    InterpreterChanges,
    CondaChanges,
    DistributionChanges,
    EupsChanges,
    NumericsChanges,
    ProcessEnvChanges,
)


def changes_between(a: CapturedJob, b: CapturedJob) -> list[Change]:
    """Return all changes that make one job like another, as far as a replay can.

    Raises
    ------
    EnvcapError
        If a document that a replay needs is missing or can't be read.
    """
    return [change for kind in CHANGE_KINDS for change in kind().changes(a, b)]
