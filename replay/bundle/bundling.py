# SPDX-License-Identifier: Apache-2.0
"""Make a bundle of a job, and take one in."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from envcap import __version__
from envcap.digest import canonical_json, digest_of
from envcap.store.local import LocalStore
from envcap.trust.key import Key, key_path
from envcap.trust.verify import AUTHENTIC, FOREIGN, Keyring

from .. import grammar
from ..build.base import EngineOptions, wheelhouse
from ..errors import BuildError, ReplayRefusedError
from ..grammar import checked
from ..jobs.base import CapturedJob
from ..progress import Progress
from .layout import BundleReader, BundleWriter
from .parts.base import Entry, Packing, Unpacking
from .parts.registry import PARTS
from .places import bundle_folder

__all__ = ("Unpacked", "pack", "unpack")

_SEALED = "bundle"


@dataclass(frozen=True)
class Unpacked:
    """A bundle that was taken in.

    Attributes
    ----------
    attempt, name : `str`
    left_out : sequence of `tuple`
        What whoever made it could not include, and why.
    lacking : sequence of `str`
        What it should hold and doesn't.
    notes : sequence of `str`
    vouched : `str`
        Who vouches for it.
    """

    attempt: str
    name: str
    left_out: Sequence[tuple[str, str]]
    lacking: Sequence[str]
    notes: Sequence[str]
    vouched: str


def pack(
    job: CapturedJob, path: Path, options: EngineOptions, engine: str, progress: Progress, *, with_image: bool
) -> list[tuple[str, str]]:
    """Write a bundle and return what could not be included, each with the reason.

    Raises
    ------
    EnvcapError
        If it can't be made; then there is no file.
    """
    temporary = path.with_name(f"{path.name}.making")
    try:
        with open(temporary, "xb") as stream:
            writer = BundleWriter(stream)
            packing = Packing(job, options, engine, with_image, writer, wheelhouse(), progress)
            for part in PARTS:
                part.pack(packing)
            contents = _contents(packing)
            writer.finish(contents, _seal(job, contents))
        os.replace(temporary, path)
    except FileExistsError as err:
        raise BuildError(f"{temporary} is there: another is making this bundle, or was killed; delete it") from err
    except OSError as err:
        temporary.unlink(missing_ok=True)
        raise BuildError(f"{err.filename or path}: {err.strerror or err}") from err
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return packing.left_out


def _contents(packing: Packing) -> dict[str, Any]:
    manifest = packing.job.manifest
    return {
        "replay": __version__,
        "attempt": manifest.attempt,
        "name": manifest.job.name,
        "entries": [entry.to_json() for entry in packing.entries],
        "left_out": [{"what": what, "why": why} for what, why in packing.left_out],
    }


def _seal(job: CapturedJob, contents: dict[str, Any]) -> str | None:
    key = Key.own(key_path(), job.store.root)
    return key.seal(_SEALED, digest_of(canonical_json(contents)))


def unpack(path: Path, store: LocalStore, progress: Progress, *, trust: bool) -> Unpacked:
    """Take a bundle in: documents into the store, the rest into the cache.

    Nothing of a bundle that nobody vouches for is written, unless it is trusted by name; and of one that is, only what
    its table of contents names, each by its digest, under names that were checked.

    Raises
    ------
    ReplayRefusedError
        If it is no bundle, or nobody vouches for it.
    """
    reader = BundleReader(path)
    try:
        vouched = _judged(reader, trust)
        contents = reader.contents
        attempt = checked("bundle: attempt", contents.get("attempt"), grammar.UUID)
        entries = [Entry.of_json(one) for one in _array(contents, "entries")]
        left_out = [(str(one.get("what")), str(one.get("why"))) for one in _array(contents, "left_out")]
        folder = bundle_folder(attempt)
        shutil.rmtree(folder, ignore_errors=True)
        store.create()
        house = wheelhouse()
        scratch = house.scratch()
        try:
            folder.mkdir(parents=True)
            unpacking = Unpacking(reader, store, house, folder, scratch)
            for part in PARTS:
                of_part = [one for one in entries if one.kind in part.kinds]
                if of_part:
                    with progress.step(f"unpack {', '.join(part.kinds)}"):
                        part.unpack(of_part, unpacking)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        name = str(contents.get("name"))[:200]
        return Unpacked(attempt, name, left_out, unpacking.lacking, unpacking.notes, vouched)
    except OSError as err:
        raise BuildError(f"{err.filename or path}: {err.strerror or err}") from err
    finally:
        reader.close()


def _array(contents: dict[str, Any], name: str) -> list[Any]:
    found = contents.get(name)
    if not isinstance(found, list):
        raise ReplayRefusedError(f"the bundle's table of contents has no {name}")
    return found


def _judged(reader: BundleReader, trust: bool) -> str:
    found = Keyring().judge_sealed(_SEALED, reader.digest, reader.seal)
    if found.status == AUTHENTIC:
        return found.reason
    if found.status == FOREIGN and trust:
        return f"{found.reason}; taken on your word (--trust)"
    hint = "; if you know where it comes from: --trust" if found.status == FOREIGN else ""
    raise ReplayRefusedError(f"the bundle is refused: {found}{hint}")
