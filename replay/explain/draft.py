# SPDX-License-Identifier: Apache-2.0
"""A captured job that is being changed into another: every document that a replay reads, as plain JSON."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from envcap.model.document import parse_json
from envcap.pexconfig import ParsedConfig

from ..jobs.base import CapturedJob
from ..jobs.quantum import CapturedQuantum

__all__ = ("Draft",)


class Draft:
    """What can be changed of a job.

    Parameters
    ----------
    job : `CapturedJob`

    Attributes
    ----------
    software : `dict`
        The components of the recipe, by kind.
    work : `dict`
        What is done.
    identity : `dict`
        The manifest's `Job`: inputs and outputs, where files stand, what was typed.
    places : `dict`
        Where things stood, by collector.
    outcomes : `dict`
        How each collector ended.
    config : `ParsedConfig` or `None`
        The configuration of a quantum.
    blobs : `dict`
        Bytes that the documents name and no store has, by digest.
    libraries : `list` [ `str` ]
        More directories with installed distributions that may be copied.
    """

    def __init__(self, job: CapturedJob) -> None:
        self.software: dict[str, Any] = {
            kind: parse_json(job.store.get(one.digest)) for kind, one in job.attempt.recipe.software.items()
        }
        self.work: dict[str, Any] = _copied(job.attempt.recipe.work)
        self.identity: dict[str, Any] = _copied(job.manifest.job.data)
        self.places: dict[str, Any] = _copied(job.places)
        self.outcomes: dict[str, Any] = _copied(job.manifest.data["outcomes"])
        self.config: ParsedConfig | None = job.frozen_config if isinstance(job, CapturedQuantum) else None
        self.blobs: dict[str, bytes] = {}
        self.libraries: list[str] = []


def _copied(value: Mapping[str, Any]) -> dict[str, Any]:
    return {key: copy.deepcopy(_thawed(one)) for key, one in value.items()}


def _thawed(value: Any) -> Any:
    """Return plain JSON, which can be changed."""
    if isinstance(value, Mapping):
        return {key: _thawed(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_thawed(one) for one in value]
    return value
