# SPDX-License-Identifier: Apache-2.0
"""Makes small wheels, for environments that have many."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from pathlib import Path

__all__ = ("make_wheel",)


def make_wheel(folder: Path, name: str, version: str, code: str = "") -> Path:
    """Write a wheel of a module, some data and a script, and return its path."""
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}/__init__.py": f"version = {version!r}\n{code}",
        f"{name}/data.txt": f"{name}\n" * 100,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": f"[console_scripts]\nrun-{name}={name}:main\n",
    }
    rows = "".join(f"{path},sha256={_digest(text)},{len(text)}\n" for path, text in files.items())
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for inside, text in {**files, f"{info}/RECORD": f"{rows}{info}/RECORD,,\n"}.items():
            archive.writestr(zipfile.ZipInfo(inside), text)
    return path


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
