# SPDX-License-Identifier: Apache-2.0
"""The formats that an attempt can be exported to."""

from __future__ import annotations

from .base import Exporter
from .eups import EupsEnvExporter, EupsExporter, EupsTagsExporter

__all__ = ("EXPORTERS",)

EXPORTERS: tuple[type[Exporter], ...] = (EupsExporter, EupsTagsExporter, EupsEnvExporter)
