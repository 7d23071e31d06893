# SPDX-License-Identifier: Apache-2.0
"""All rules."""

from __future__ import annotations

from collections.abc import Mapping

from .base import Rule
from .configuration import ConfigurationRule, WorkRule
from .effective import EffectiveRule
from .host import HostRule
from .inputs import InputRule
from .installation import InstalledFilesRule, InterpreterRule
from .packages import LibraryRule, PackageRule
from .source import SourceRule
from .unrecorded import UnrecordedRule
from .variables import NumericsRule, VariableRule

__all__ = ("RULES",)

_CLASSES: tuple[type[Rule], ...] = (
    ConfigurationRule,
    WorkRule,
    InputRule,
    SourceRule,
    PackageRule,
    LibraryRule,
    VariableRule,
    NumericsRule,
    EffectiveRule,
    InstalledFilesRule,
    InterpreterRule,
    HostRule,
    UnrecordedRule,
)

RULES: Mapping[str, Rule] = {layer: rule for rule in (cls() for cls in _CLASSES) for layer in rule.layers}
"""By layer."""
