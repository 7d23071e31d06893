# SPDX-License-Identifier: Apache-2.0
"""Keeps wheels by digest, and finds them by the RECORD of the distribution that they install."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from envcap.digest import digest_of_file
from envcap.errors import FormatError
from envcap.model.components import Distribution
from envcap.store.base import split_digest

from .. import grammar
from ..errors import ReplayRefusedError
from ..grammar import checked
from ..kept import KeptFiles
from .proof import wheel_record

__all__ = ("Wheel", "Wheelhouse")


@dataclass(frozen=True)
class Wheel:
    """A kept wheel.

    Attributes
    ----------
    name, version : `str`
        Of its distribution.
    file_name : `str`
    digest : `str`
    path : `pathlib.Path`
        Where it is kept.
    """

    name: str
    version: str
    file_name: str
    digest: str
    path: Path


class Wheelhouse:
    """Wheels in a directory: ``objects/`` by digest, ``records/`` by normalised RECORD digest, ``names/``.

    Parameters
    ----------
    root : `str`
    """

    def __init__(self, root: str) -> None:
        self._root = Path(root)
        self._kept = KeptFiles(root)

    def find(self, distribution: Distribution) -> Wheel | None:
        """Return the wheel that a distribution was installed from, `None` if it isn't kept.

        Its content is checked against its digest by `Wheelhouse.export`.
        """
        if distribution.record is None:
            return None
        return self._noted(self._record_path(distribution.record), distribution.name, distribution.version)

    def named(self, name: str, version: str) -> Wheel | None:
        """Return the wheel of a tool that was adopted last; `None` if none is kept."""
        return self._noted(self._name_path(name, version), name, version)

    def _noted(self, note: Path, name: str, version: str) -> Wheel | None:
        try:
            with open(note, encoding="utf-8") as stream:
                found = json.load(stream)
            file_name = checked("the wheelhouse's own note", found["file_name"], grammar.WHEEL)
            path = self._kept.path(found["digest"])
        except (OSError, ValueError, KeyError, TypeError, FormatError, ReplayRefusedError):
            return None  # it is only a note: what it should say can be found out again
        if not path.exists():
            return None
        return Wheel(name, version, file_name, found["digest"], path)

    def adopt(self, path: Path) -> str:
        """Take a wheel over, having proved it, and return the RECORD digest that it is found by.

        Raises
        ------
        BuildError
            If its files aren't what its RECORD says, or it can't be kept.
        """
        checked("a wheel's file name", path.name, grammar.WHEEL)
        record = wheel_record(path)
        digest, size = digest_of_file(str(path))
        note = {"file_name": path.name, "digest": digest, "size": size}
        self._kept.write(self._kept.path(digest), path)
        name, version = path.name.split("-")[:2]
        for target in (self._record_path(record), self._name_path(name.replace("_", "-").lower(), version)):
            temporary = path.with_name(f"{path.name}.json")
            temporary.write_text(json.dumps(note, sort_keys=True), encoding="utf-8")
            self._kept.write(target, temporary)
        return record

    def export(self, wheel: Wheel, folder: Path) -> Path:
        """Copy a wheel into a directory under its own name, and check it on the way.

        Raises
        ------
        BuildError
            If it is not what it was.
        """
        target = folder / wheel.file_name
        self._kept.export(wheel.digest, target)
        return target

    def scratch(self) -> Path:
        """Return a new directory on the wheelhouse's own file system."""
        return self._kept.scratch()

    def _record_path(self, record: str) -> Path:
        return self._root / "records" / f"{split_digest(record)}.json"

    def _name_path(self, name: str, version: str) -> Path:
        return self._root / "names" / f"{name}-{version}.json"
