# SPDX-License-Identifier: Apache-2.0
"""Takes a picture of an HTML file in Chromium, without a screen and without a network."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

__all__ = ("photograph",)

_OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    # Some of what it asks for by itself has no switch: all goes to a proxy that isn't there, loopback's too.
    "--proxy-server=http://127.0.0.1:9",
    "--proxy-bypass-list=<-loopback>",
)
_SECONDS = 120


def photograph(page: Path, picture: Path, size: tuple[int, int], options: Sequence[str] = ()) -> None:
    """Write a PNG of a page.

    Parameters
    ----------
    page, picture : `pathlib.Path`
        The HTML file, and the PNG to write.
    size : `tuple` of `int`
        Width and height of the window, in pixels.
    options : sequence of `str`
        More options of Chromium.

    Raises
    ------
    FileNotFoundError
        If there is no Chromium.
    subprocess.CalledProcessError
        If it fails.
    """
    with tempfile.TemporaryDirectory(prefix="envcap-browser-") as profile:
        command = ["chromium", *_OPTIONS, f"--user-data-dir={profile}", f"--window-size={size[0]},{size[1]}"]
        command += [*options, f"--screenshot={picture}", page.resolve().as_uri()]
        subprocess.run(command, check=True, capture_output=True, stdin=subprocess.DEVNULL, timeout=_SECONDS)
