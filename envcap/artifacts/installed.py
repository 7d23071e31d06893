# SPDX-License-Identifier: Apache-2.0
"""What an installed distribution says of the wheel that it came in ("Binary distribution format", PEP 427)."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence

from ..collectors.bounded import read_bounded
from ..collectors.python_dists import InstalledDistribution, normalised_record
from ..errors import CollectorError

__all__ = ("InstalledWheel", "normalised")

_MAX_WHEEL = 1 << 20
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", re.ASCII)
_VERSION = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.+!_-]*[A-Za-z0-9])?", re.ASCII)
_TAG = re.compile(r"[A-Za-z0-9_.]+-[A-Za-z0-9_.]+-[A-Za-z0-9_.]+", re.ASCII)


class InstalledWheel:
    """A distribution that a wheel was unpacked for.

    Attributes
    ----------
    name, version : `str`
    record : `str` or `None`
        Its normalised RECORD digest.
    origin : mapping
        Its ``direct_url.json`` (PEP 610), empty if it came from an index.
    tags : sequence of `str`
        Those of its wheel; empty if they aren't known.
    """

    __slots__ = ("name", "origin", "record", "tags", "version")

    def __init__(
        self,
        name: str,
        version: str,
        record: str | None,
        origin: Mapping[str, object] | None = None,
        tags: Sequence[str] = (),
    ) -> None:
        self.name = name
        self.version = version
        self.record = record
        self.origin = origin or {}
        self.tags = tags

    @classmethod
    def of(cls, found: InstalledDistribution) -> InstalledWheel:
        """Return what an installed distribution says of itself."""
        text = found.read_record()
        record = None if text is None else normalised_record(text)
        return cls(found.name, found.version, record, found.direct_url(), _tags(os.path.join(found.info, "WHEEL")))

    @property
    def pin(self) -> str:
        """It alone, as pip takes it.

        Raises
        ------
        CollectorError
            If name or version are none, and pip would take them for something else.
        """
        if not _NAME.fullmatch(self.name) or not _VERSION.fullmatch(self.version):
            raise CollectorError(f"{self.name[:80]!r} {self.version[:80]!r} is no distribution")
        return f"{self.name}=={self.version}"

    @property
    def tags_for_pip(self) -> tuple[str, str, list[str]]:
        """Interpreter, binary interface and platforms, as pip takes them to look for one certain wheel."""
        parts = [tag.split("-") for tag in self.tags]
        interpreter, abi, _ = parts[0]
        return interpreter, abi, sorted({part[2] for part in parts if part[:2] == [interpreter, abi]})


def normalised(name: str) -> str:
    """Return the name of a distribution as indexes compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _tags(path: str) -> list[str]:
    try:
        text = read_bounded(path, _MAX_WHEEL).decode("utf-8", "replace")
    except (FileNotFoundError, NotADirectoryError):
        return []
    lines = (line.partition(":") for line in text.splitlines())
    tags = [value.strip() for name, _, value in lines if name.strip().lower() == "tag"]
    return [tag for tag in tags if _TAG.fullmatch(tag)]
