# SPDX-License-Identifier: Apache-2.0
"""What a part of a bundle is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from envcap.errors import EnvcapError
from envcap.store.local import LocalStore

from ... import grammar
from ...build.base import EngineOptions
from ...errors import ReplayRefusedError
from ...grammar import Grammar, checked
from ...jobs.base import CapturedJob
from ...kept import KeptFiles
from ...progress import Progress
from ...wheels.wheelhouse import Wheelhouse
from ..layout import BundleReader, BundleWriter

__all__ = ("Entry", "Packing", "Part", "Unpacking")


@dataclass(frozen=True)
class Entry:
    """One thing in a bundle: its kind, its name, and where its bytes are."""

    kind: str
    name: str
    digest: str
    size: int

    def to_json(self) -> dict[str, object]:
        """Return the entry as the table of contents has it."""
        return {"kind": self.kind, "name": self.name, "digest": self.digest, "size": self.size}

    @classmethod
    def of_json(cls, found: Any) -> Entry:
        """Return an entry of a table of contents.

        Raises
        ------
        ReplayRefusedError
            If it is none.
        """
        if not isinstance(found, dict) or not all(isinstance(found.get(n), str) for n in ("kind", "name", "digest")):
            raise ReplayRefusedError("an entry of the bundle's table of contents is none")
        size = found.get("size")
        if not isinstance(size, int) or size < 0:
            raise ReplayRefusedError(f"the entry {found['name'][:80]!r} of the bundle has no size")
        return cls(found["kind"], found["name"], checked("bundle: digest", found["digest"], grammar.DIGEST), size)


@dataclass
class Packing:
    """A bundle that is being made.

    Attributes
    ----------
    job : `CapturedJob`
    options : `EngineOptions`
    engine : `str`
        The engine whose images go in.
    with_image : `bool`
    writer : `BundleWriter`
    wheelhouse : `Wheelhouse`
    progress : `Progress`
    entries : `list` [ `Entry` ]
    left_out : `list` [ `tuple` ]
        What could not be included, and why.
    """

    job: CapturedJob
    options: EngineOptions
    engine: str
    with_image: bool
    writer: BundleWriter
    wheelhouse: Wheelhouse
    progress: Progress
    entries: list[Entry] = field(default_factory=list)
    left_out: list[tuple[str, str]] = field(default_factory=list)

    def add(self, kind: str, name: str, data: bytes) -> None:
        """Add some bytes."""
        self.entries.append(Entry(kind, name, *self.writer.add(data)))

    def add_file(self, kind: str, name: str, path: Path) -> None:
        """Add a file."""
        with open(path, "rb") as stream:
            self.entries.append(Entry(kind, name, *self.writer.add_stream(stream)))

    def add_kept(self, kind: str, kept: KeptFiles, files: Mapping[str, str]) -> None:
        """Add files that are kept, by name and digest."""
        scratch = kept.scratch()
        try:
            for name, digest in files.items():
                path = scratch / name
                kept.export(digest, path)
                self.add_file(kind, name, path)
                path.unlink()
        finally:
            scratch.rmdir()


@dataclass
class Unpacking:
    """A bundle that is being taken in, having been found trustworthy.

    Attributes
    ----------
    reader : `BundleReader`
    store : `LocalStore`
    wheelhouse : `Wheelhouse`
    folder : `pathlib.Path`
        The bundle's own place on this machine.
    scratch : `pathlib.Path`
    lacking : `list` [ `str` ]
        What the table of contents names and the bundle doesn't hold.
    notes : `list` [ `str` ]
        What a user should know.
    """

    reader: BundleReader
    store: LocalStore
    wheelhouse: Wheelhouse
    folder: Path
    scratch: Path
    lacking: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def present(self, entries: Sequence[Entry]) -> list[Entry]:
        """Return the entries whose bytes are there; the others are noted."""
        self.lacking += [one.name for one in entries if not self.reader.has(one.digest)]
        return [one for one in entries if self.reader.has(one.digest)]

    def keep(self, entries: Sequence[Entry], kept: KeptFiles, names: Grammar, *, by_name: bool) -> None:
        """Take files out and keep them by digest, and by name if whoever vouches for the bundle vouches for names."""
        for entry in self.present(entries):
            path = self.scratch / checked(f"bundle: {entry.kind}", entry.name, names)
            self.reader.extract(entry.digest, path)
            try:
                kept.adopt(path, entry.digest.partition(":")[2], name=entry.name if by_name else None)
            except EnvcapError as err:
                self.lacking.append(f"{entry.name} ({err})")
                path.unlink(missing_ok=True)


class Part(ABC):
    """A kind of thing that goes into a bundle.

    Attributes
    ----------
    kinds : `tuple` of `str`
        The kinds of its entries.
    """

    kinds: tuple[str, ...]

    @abstractmethod
    def pack(self, packing: Packing) -> None:
        """Put what a job's replay needs of this kind into a bundle; what can't be had is left out, with the reason."""

    @abstractmethod
    def unpack(self, entries: Sequence[Entry], unpacking: Unpacking) -> None:
        """Take such things out of a bundle.

        Raises
        ------
        EnvcapError
            If one of them is not what it is said to be.
        """
