# SPDX-License-Identifier: Apache-2.0
"""Pack a wheel from an installed distribution that no index has: a local build, a checkout, a withdrawn release."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

from envcap.artifacts.wheel_record import entry_scripts
from envcap.collectors.python_dists import InstalledDistribution, record_rows

from ..errors import BuildError

__all__ = ("repack",)

_WHEN = (1980, 1, 1, 0, 0, 0)
_BOOKKEEPING = ("INSTALLER", "REQUESTED", "RECORD", "direct_url.json", "uv_cache.json", "uv_build.json")


def repack(found: InstalledDistribution, folder: Path) -> Path:
    """Write the wheel of an installed distribution and return its path. The same files give the same bytes.

    Parameters
    ----------
    found : `InstalledDistribution`
    folder : `pathlib.Path`
        Where to write it.

    Raises
    ------
    BuildError
        If its files are not all there, or it has no metadata of a wheel.
    """
    info = os.path.basename(found.info)
    try:
        tags = re.findall(r"^Tag:\s*(\S+)$", (Path(found.info) / "WHEEL").read_text(encoding="utf-8"), re.MULTILINE)
        rows = sorted(_rows(found))
    except OSError as err:
        raise BuildError(f"{found.name}: it can't be packed anew: {err.filename}: {err.strerror}") from err
    if not tags:
        raise BuildError(f"{found.name}: it can't be packed anew: its WHEEL names no tag")
    stem = info.removesuffix(".dist-info")
    path = folder / f"{stem}-{_compressed(tags)}.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
        record = []
        for name, source in rows:
            data = source.read_bytes()
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            record.append(f"{name},sha256={digest},{len(data)}\n")
            _add(wheel, name, data, executable=os.access(source, os.X_OK))
        _add(wheel, f"{info}/RECORD", "".join([*record, f"{info}/RECORD,,\n"]).encode(), executable=False)
    return path


def _rows(found: InstalledDistribution) -> Iterator[tuple[str, Path]]:
    """Yield the name that each file has in a wheel, and where it is."""
    site = Path(found.info).parent
    points = Path(found.info) / "entry_points.txt"
    generated = list(entry_scripts(points.read_text(encoding="utf-8"))) if points.exists() else []
    data = os.path.basename(found.info).removesuffix(".dist-info") + ".data"
    for path, _, _ in record_rows(found.read_record() or ""):
        top, _, name = path.rpartition("/")
        if path.endswith(".pyc") or (top.endswith(".dist-info") and name in _BOOKKEEPING):
            continue
        outside = path.removeprefix("../../../")
        if outside == path:
            yield path, site / path
        elif outside.startswith("bin/"):
            if outside.removeprefix("bin/") not in generated:
                yield f"{data}/scripts/{outside.removeprefix('bin/')}", site / path
        else:
            yield f"{data}/data/{outside}", site / path


def _compressed(tags: list[str]) -> str:
    """Return a set of tags as a file name has it (PEP 425, "Compressed Tag Sets")."""
    parts = zip(*(tag.split("-") for tag in tags), strict=True)
    return "-".join(".".join(dict.fromkeys(values)) for values in parts)


def _add(wheel: zipfile.ZipFile, name: str, data: bytes, *, executable: bool) -> None:
    info = zipfile.ZipInfo(name, _WHEN)
    info.external_attr = (0o100755 if executable else 0o100644) << 16
    info.compress_type = zipfile.ZIP_DEFLATED
    wheel.writestr(info, data)
