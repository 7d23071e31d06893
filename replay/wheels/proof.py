# SPDX-License-Identifier: Apache-2.0
"""Prove that a wheel is the one that a distribution was installed from: its RECORD is the captured one, and true.

Installers don't check a wheel's files against its RECORD (PEP 427 lets them), so an equal RECORD alone proves nothing.
"""

from __future__ import annotations

import base64
import hashlib
import zipfile
from pathlib import Path

from envcap.artifacts.wheel_record import record_as_installed
from envcap.collectors.python_dists import normalised_record, record_rows

from ..errors import BuildError

__all__ = ("MAX_UNPACKED", "wheel_record")

MAX_UNPACKED = 16 << 30
"""Most bytes that a wheel may unpack to."""
_UNHASHED = (".dist-info/RECORD", ".dist-info/RECORD.jws", ".dist-info/RECORD.p7s")
_CHUNK = 1 << 20


def wheel_record(path: Path) -> str:
    """Return the normalised RECORD digest of a wheel whose files are what its RECORD says.

    Raises
    ------
    BuildError
        If one is not, or it is no wheel.
    """
    try:
        with zipfile.ZipFile(path) as wheel:
            names = [info.filename for info in wheel.infolist() if not info.is_dir()]
            if sum(info.file_size for info in wheel.infolist()) > MAX_UNPACKED:
                raise BuildError(f"{path.name}: it unpacks to more than {MAX_UNPACKED >> 30} GiB")
            (record,) = [name for name in names if name.count("/") == 1 and name.endswith(".dist-info/RECORD")]
            text = wheel.read(record).decode("utf-8")
            rows = {name: digest for name, digest, _ in record_rows(text)}
            for name in names:
                if not name.endswith(_UNHASHED) and not _has_digest(wheel, name, rows.get(name, "")):
                    raise BuildError(f"{path.name}: {name} is not what its RECORD says")
            points = record.removesuffix("RECORD") + "entry_points.txt"
            entry_points = wheel.read(points).decode("utf-8") if points in names else None
            return normalised_record(record_as_installed(text, entry_points))
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, RuntimeError) as err:
        raise BuildError(f"{path.name} is no wheel: {err}") from err


def _has_digest(wheel: zipfile.ZipFile, name: str, row: str) -> bool:
    algorithm, _, value = row.partition("=")
    if algorithm not in ("sha256", "sha384", "sha512"):
        return False
    found = hashlib.new(algorithm)
    with wheel.open(name) as stream:
        while data := stream.read(_CHUNK):
            found.update(data)
    return base64.urlsafe_b64encode(found.digest()).rstrip(b"=").decode() == value
