# SPDX-License-Identifier: Apache-2.0
"""What the job read and wrote: a small repository with its pinned inputs and its outputs, or a command's files."""

from __future__ import annotations

import os
import posixpath
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

from envcap.digest import digest_of_file
from envcap.errors import EnvcapError

from ... import grammar
from ...errors import ReplayRefusedError
from ...grammar import checked
from ...jobs.command import CapturedCommand
from ...jobs.quantum import CapturedQuantum
from ...rubin.pinned import pinned_repository
from ..places import FILES, REPOSITORY
from .base import Entry, Packing, Part, Unpacking

__all__ = ("DataPart",)

_EPOCH = 315_532_800


class DataPart(Part):
    """A tar archive of a repository; files by the path that they had."""

    kinds = ("repository", "file")

    def pack(self, packing: Packing) -> None:
        """Put inputs and outputs in; of what is gone, the digest alone is known."""
        if isinstance(packing.job, CapturedQuantum):
            self._pack_repository(packing, packing.job)
        elif isinstance(packing.job, CapturedCommand):
            self._pack_files(packing, packing.job)

    def _pack_repository(self, packing: Packing, job: CapturedQuantum) -> None:
        with tempfile.TemporaryDirectory(prefix="envcap-bundle-") as scratch, packing.progress.step("pin the inputs"):
            folder = os.path.join(scratch, REPOSITORY)
            try:
                gone = pinned_repository(job, folder)
            except EnvcapError as err:
                packing.left_out.append(("inputs and outputs", str(err)))
                return
            packing.left_out += [(name, "it is gone from the repository") for name in gone]
            archive = Path(scratch, "repository.tar")
            _write_tar(Path(folder), archive)
            packing.add_file("repository", REPOSITORY, archive)

    def _pack_files(self, packing: Packing, job: CapturedCommand) -> None:
        for one in job.files().values():
            if one.kind == "config":
                continue
            if not os.path.isfile(one.original):
                packing.left_out.append((one.original, "it is gone"))
            elif digest_of_file(one.original)[0] != one.digest:
                packing.left_out.append((one.original, "it was changed since"))
            else:
                packing.add_file("file", one.original, Path(one.original))

    def unpack(self, entries: Sequence[Entry], unpacking: Unpacking) -> None:
        """Put them into the bundle's own place on this machine."""
        for entry in unpacking.present(entries):
            if entry.kind == "repository":
                archive = unpacking.scratch / "repository.tar"
                unpacking.reader.extract(entry.digest, archive)
                _extract_tar(archive, unpacking.folder / REPOSITORY)
                archive.unlink()
                continue
            path = checked("bundle: file", entry.name, grammar.ABSOLUTE_PATH)
            target = unpacking.folder / FILES / path.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.unlink(missing_ok=True)
            unpacking.reader.extract(entry.digest, target)


def _write_tar(folder: Path, archive: Path) -> None:
    with tarfile.open(archive, "w", format=tarfile.PAX_FORMAT) as made:
        for path in sorted(folder.rglob("*")):
            info = tarfile.TarInfo(str(path.relative_to(folder)))
            info.mtime = _EPOCH
            if path.is_dir():
                info.type, info.mode = tarfile.DIRTYPE, 0o755
                made.addfile(info)
            else:
                info.size = path.stat().st_size
                with path.open("rb") as stream:
                    made.addfile(info, stream)


def _extract_tar(archive: Path, folder: Path) -> None:
    """Extract files and directories, and nothing else: no link, no device, no name that leads out."""
    try:
        with tarfile.open(archive, "r:") as given:
            for member in given:
                name = checked("bundle: file", posixpath.normpath(member.name), grammar.RELATIVE_PATH)
                target = folder / name
                if member.isdir():
                    target.mkdir(parents=True, exist_ok=True)
                elif member.type in (tarfile.REGTYPE, tarfile.AREGTYPE) and member.sparse is None:
                    target.parent.mkdir(parents=True, exist_ok=True)
                    stream = given.extractfile(member)
                    assert stream is not None
                    with open(target, "xb") as out:
                        while data := stream.read(1 << 20):
                            out.write(data)
                else:
                    raise ReplayRefusedError(f"the bundle's {name!r} is neither a file nor a directory")
    except (tarfile.TarError, EOFError, FileExistsError) as err:
        raise ReplayRefusedError(f"the bundle's repository is none: {err}") from err
