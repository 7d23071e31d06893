# SPDX-License-Identifier: Apache-2.0
"""The formats that an attempt can be exported to."""

from __future__ import annotations

from .base import Exporter
from .conda import CondaLockExporter, ExplicitExporter
from .eups import EupsEnvExporter, EupsExporter, EupsTagsExporter
from .pylock import PylockExporter
from .requirements import RequirementsExporter

__all__ = ("EXPORTERS",)

EXPORTERS: tuple[type[Exporter], ...] = (
    CondaLockExporter,
    ExplicitExporter,
    PylockExporter,
    RequirementsExporter,
    EupsExporter,
    EupsTagsExporter,
    EupsEnvExporter,
)
