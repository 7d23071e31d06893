# SPDX-License-Identifier: Apache-2.0
"""Secrets of real shapes, none of which may enter a store, and innocent texts, none of which may be touched."""

from __future__ import annotations

from tests.secrets.clouds import CLOUDS, FORGES, REGISTRIES
from tests.secrets.connections import DSNS, HEADERS, NAMED
from tests.secrets.encoded import encoded
from tests.secrets.files import COMMAND_LINES, FILES
from tests.secrets.innocent import INNOCENT, INNOCENT_COMMANDS
from tests.secrets.making import Canary, fill, from_templates
from tests.secrets.services import INFRASTRUCTURE, MODELS, SCIENCE, SERVICES

__all__ = ("BY_NAME", "CANARIES", "COMMANDS", "SAFE", "SAFE_COMMANDS", "Canary")

_TEXTS = (CLOUDS, FORGES, REGISTRIES, SERVICES, MODELS, INFRASTRUCTURE, SCIENCE, DSNS, HEADERS, NAMED, FILES)

COMMANDS = tuple(from_templates(COMMAND_LINES))
"""Those that are command lines, each to be split as a shell splits it."""

CANARIES = (*(canary for group in _TEXTS for canary in from_templates(group)), *encoded(), *COMMANDS)
"""All canaries; each name and each secret is there once."""

BY_NAME = {canary.name: canary for canary in CANARIES}

SAFE_COMMANDS = {name: fill(template, name)[0] for name, template in INNOCENT_COMMANDS.items()}
"""Innocent command lines, by name."""

SAFE = {name: fill(template, name)[0] for name, template in INNOCENT.items()} | SAFE_COMMANDS
"""Innocent texts, by name."""
