# SPDX-License-Identifier: Apache-2.0
"""Where a quantum reads and writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ("Destination",)


@dataclass(frozen=True)
class Destination:
    """Where a quantum reads and writes.

    Attributes
    ----------
    repository : `str`
        URI of the user's repository.
    isolated : `str` or `None`
        Directory of the isolated repository; `None` to write to the user's own.
    run : `str`
        The RUN to write to.
    replaced : mapping
        UUIDs of inputs that were re-made, by their original UUIDs.
    started : `bool`
        Whether an earlier quantum of this replay made the RUN.
    kept : `bool`
        Whether the isolated repository is to be one, for later quanta and for people, when the quantum has run.
    """

    repository: str
    isolated: str | None
    run: str
    replaced: Mapping[str, str]
    started: bool
    kept: bool
