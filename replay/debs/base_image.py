# SPDX-License-Identifier: Apache-2.0
"""Which packages an image has: read out of it without running it, and remembered, since an image never changes."""

from __future__ import annotations

import io
import os
import tarfile
import tempfile
from pathlib import Path

from envcap.collectors.base import Absent
from envcap.collectors.os_packages import DPKG, OsPackagesCollector
from envcap.errors import EnvcapError, FormatError
from envcap.memo import cache_dir
from envcap.model.components import OsPackages
from envcap.model.descriptor import describe_bytes
from envcap.target import Target

from ..errors import BuildError
from ..image.client import EngineClient, Image

__all__ = ("packages_in",)

_MAX_DATABASE = 1 << 27


def packages_in(client: EngineClient, image: Image) -> OsPackages | None:
    """Return the packages of dpkg's in an image; `None` if it has none.

    Raises
    ------
    BuildError
        If it can't be told.
    """
    note = Path(cache_dir(), "images", f"{image.id.partition(':')[2]}.json")
    try:
        return OsPackages.from_bytes(note.read_bytes())
    except (OSError, FormatError):
        pass  # it is only a note: it is written anew
    archive = client.read(image.id, f"/{DPKG}")
    if archive is None:
        return None
    with tempfile.TemporaryDirectory(prefix="envcap-packages-") as root:
        status = Path(root, DPKG)
        status.parent.mkdir(parents=True)
        status.write_bytes(_single_file(archive))
        try:
            found = OsPackagesCollector(root).collect(Target.none({}), describe_bytes).component
        except Absent:
            return None
        except EnvcapError as err:
            raise BuildError(f"which packages the image {image.id[:19]}… has can't be told: {err}") from err
    assert isinstance(found, OsPackages)
    temporary = note.with_suffix(f".{os.getpid()}")
    try:
        note.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(found.to_bytes())
        os.replace(temporary, note)
    except OSError as err:
        raise BuildError(f"{note}: {err.strerror}; ENVCAP_CACHE names another place") from err
    return found


def _single_file(archive: bytes) -> bytes:
    """Return the one file of an archive that an engine made."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        member = opened.next()
        stream = opened.extractfile(member) if member is not None and member.isreg() else None
        if stream is None or member is None or member.size > _MAX_DATABASE:
            raise BuildError("the image's list of packages is no file, or too large")
        return stream.read()
