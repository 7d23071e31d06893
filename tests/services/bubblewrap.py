# SPDX-License-Identifier: Apache-2.0
"""A bubblewrap beside the system's programs: on PATH, it would sandbox whatever the other tests re-run."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

__all__ = ("unpacked_bubblewrap",)


def unpacked_bubblewrap(folder: Path) -> Path:
    """Return the directory that has it; without it the test ends (in CI it fails, else it is skipped)."""
    if (found := shutil.which("bwrap")) is not None:
        return Path(found).parent
    commands = (["apt-get", "update", "-q"], ["apt-get", "download", "-q", "bubblewrap"])
    folder.chmod(0o777)  # apt downloads as a user of its own
    told = "this is no Debian"
    if shutil.which("apt-get") is not None:
        done = [subprocess.run(one, cwd=folder, capture_output=True, text=True, check=False) for one in commands]
        for package in folder.glob("bubblewrap_*.deb"):
            subprocess.run(["dpkg", "--extract", package, folder / "unpacked"], check=True)
            return folder / "unpacked" / "usr" / "bin"
        told = done[-1].stderr.strip()[-300:]
    if os.environ.get("CI"):
        pytest.fail(f"no bubblewrap: {told}")
    pytest.skip(f"no bubblewrap: {told}")
