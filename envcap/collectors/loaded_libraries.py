# SPDX-License-Identifier: Apache-2.0
"""The shared libraries that a process has really loaded, each with the linker's build id.

What is installed says little about what was loaded: ``LD_PRELOAD``, an rpath or a wheel's own copy may come first.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Mapping, Sequence

from ..digest import digest_of_file
from ..errors import CollectorError
from ..model.components import LoadedLibraries, LoadedLibrary

__all__ = ("build_id", "describe_libraries")

_PT_NOTE = 4
_NT_GNU_BUILD_ID = 3
_MAX_NOTES = 1 << 16
_DELETED = " (deleted)"


def describe_libraries(
    paths: Iterable[str], prefixes: Sequence[tuple[str, str]], owners: Mapping[str, str]
) -> LoadedLibraries:
    """Return the component of some loaded files.

    Parameters
    ----------
    paths : iterable of `str`
        As `envcap.hooks.mapped` returns them.
    prefixes : sequence of `tuple`
        Directories that are places, and the names that stand for them.
    owners : mapping
        Of those files that have one, as `envcap.collectors.owners.owners_of` returns them.

    Raises
    ------
    CollectorError
        If there is none, which can't be: a process has at least its own program.
    """
    known = _known
    libraries = []
    for path in sorted(set(paths)):
        state = _state(path)
        if state not in known:
            known[state] = _identity(path)
        build, digest = known[state]
        name = _portable(path, prefixes)
        libraries.append(LoadedLibrary(path=name, build_id=build, sha256=digest, owner=owners.get(path)))
    if not libraries:
        raise CollectorError("no process said what it had loaded")
    return LoadedLibraries(libraries=libraries)


_known: dict[tuple[str, int, int, int], tuple[str | None, str | None]] = {}


def _state(path: str) -> tuple[str, int, int, int]:
    """Return what tells one file of a name from another that took its place."""
    try:
        found = os.stat(path)
    except OSError:
        return path, 0, 0, 0
    return path, found.st_ino, found.st_size, found.st_ctime_ns


def _identity(path: str) -> tuple[str | None, str | None]:
    """Return the build id, else the digest; neither of a file that is gone, or is no regular file."""
    if path.endswith(_DELETED) or not os.path.isfile(path):
        return None, None
    try:
        found = build_id(path)
        return found, None if found else digest_of_file(path)[0]
    except OSError:
        return None, None


def _portable(path: str, prefixes: Sequence[tuple[str, str]]) -> str:
    for folder, name in prefixes:
        if folder and path.startswith(folder.rstrip("/") + "/"):
            return name + path[len(folder.rstrip("/")) :]
    return path


def build_id(path: str) -> str | None:
    """Return an ELF file's build id in hex; `None` if it is no 64-bit little-endian ELF file, or has none.

    Raises
    ------
    OSError
        If it can't be read.
    """
    with open(path, "rb") as stream:
        end = os.fstat(stream.fileno()).st_size
        head = stream.read(64)
        if len(head) < 64 or head[:6] != b"\x7fELF\x02\x01":
            return None
        (offset,) = struct.unpack_from("<Q", head, 32)
        size, number = struct.unpack_from("<HH", head, 54)
        if offset > end:
            return None
        stream.seek(offset)
        table = stream.read(size * number)
        for index in range(number if size >= 56 else 0):
            entry = table[index * size : (index + 1) * size]
            if len(entry) < 56:
                return None
            kind, _, where, _, _, length = struct.unpack_from("<IIQQQQ", entry)
            if kind == _PT_NOTE and length <= _MAX_NOTES and where <= end:
                stream.seek(where)
                if found := _in_notes(stream.read(length)):
                    return found
    return None


def _in_notes(data: bytes) -> str | None:
    """Return the build id among some notes (elf(5): name and descriptor, each padded to four bytes)."""
    at = 0
    while at + 12 <= len(data):
        name_size, size, kind = struct.unpack_from("<III", data, at)
        start = at + 12 + (name_size + 3 & ~3)
        if kind == _NT_GNU_BUILD_ID and data[at + 12 : at + 15] == b"GNU" and size <= 64:
            return data[start : start + size].hex() or None
        at = start + (size + 3 & ~3)
    return None
