# SPDX-License-Identifier: Apache-2.0
"""Files that were fetched once and are kept by digest."""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from pathlib import Path

from envcap.digest import digest_of_file
from envcap.errors import FormatError
from envcap.ids import uuid7
from envcap.store.base import split_digest

from .errors import BuildError

__all__ = ("KeptFiles",)


class KeptFiles:
    """Files in a directory: ``objects/`` by sha256, ``md5/`` and ``names/`` for what is known only by these.

    Parameters
    ----------
    root : `str`
    """

    def __init__(self, root: str) -> None:
        self._root = Path(root)

    def find(self, sha256: str | None, md5: str | None = None) -> str | None:
        """Return the digest of a kept file; `None` if it isn't kept. Its content is checked by `KeptFiles.export`.

        Parameters
        ----------
        sha256, md5 : `str` or `None`
            Hexadecimal. The first decides, if it is known.
        """
        if sha256 is None and md5 is not None:
            try:
                sha256 = (self._root / "md5" / md5).read_text(encoding="ascii")
            except (OSError, UnicodeDecodeError):
                return None
        if sha256 is None:
            return None
        try:
            digest = f"sha256:{sha256}"
            return digest if self.path(digest).is_file() else None
        except FormatError:
            return None

    def named(self, name: str) -> str | None:
        """Return the digest of the file that was adopted last under a name; `None` if none is kept."""
        try:
            return self.find((self._root / "names" / name).read_text(encoding="ascii"))
        except (OSError, UnicodeDecodeError):
            return None

    def adopt(self, path: Path, sha256: str | None, md5: str | None = None, *, name: str | None = None) -> str:
        """Take a file over, and return its digest.

        Parameters
        ----------
        path : `pathlib.Path`
        sha256, md5 : `str` or `None`
            What it must have, in hexadecimal. With neither, whoever brings it vouches for it.
        name : `str`, optional
            By which it is found too.

        Raises
        ------
        BuildError
            If it isn't what it should be, or can't be kept.
        """
        digest, _ = digest_of_file(str(path))
        with open(path, "rb") as stream:
            found = hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
        expected, has = (f"sha256:{sha256}", digest) if sha256 is not None else (md5, found)
        if expected is not None and expected != has:
            raise BuildError(f"{path.name} is not what was installed: {has} instead of {expected}")
        self.write(self.path(digest), path)
        for target in (self._root / "md5" / found, *((self._root / "names" / name,) if name else ())):
            note = path.with_name(f"{path.name}.note")
            note.write_text(digest.partition(":")[2], encoding="ascii")
            self.write(target, note)
        return digest

    def note_lack(self, name: str) -> None:
        """Note that what a name stands for could not be had."""
        path = self._root / "lacking" / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"")
        except OSError as err:
            raise BuildError(f"{path}: {err.strerror}; ENVCAP_CACHE names another place") from err

    def lacked(self, name: str, seconds: float) -> bool:
        """Whether what a name stands for could not be had within some time."""
        try:
            return time.time() - (self._root / "lacking" / name).stat().st_mtime < seconds
        except OSError:
            return False

    def export(self, digest: str, target: Path) -> None:
        """Copy a file, and check it on the way.

        Raises
        ------
        BuildError
            If it is not what it was.
        """
        path = self.path(digest)
        try:
            shutil.copyfile(path, target)
        except OSError as err:
            raise BuildError(f"{path}: {err.strerror}") from err
        if digest_of_file(str(target))[0] != digest:
            path.unlink(missing_ok=True)
            target.unlink()
            raise BuildError(f"the kept file of {target.name} was changed, and is thrown away; try again")

    def scratch(self) -> Path:
        """Return a new directory on the same file system."""
        path = self._root / "incoming" / uuid7()
        path.mkdir(parents=True)
        return path

    def path(self, digest: str) -> Path:
        """Return where the file of a digest is, or would be."""
        value = split_digest(digest)
        return self._root / "objects" / value[:2] / value[2:]

    def write(self, target: Path, source: Path) -> None:
        """Move a file to where it is kept.

        Raises
        ------
        BuildError
            If it can't be.
        """
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(source, target)
        except OSError as err:
            raise BuildError(f"{target}: {err.strerror}; ENVCAP_CACHE names another place") from err
