# SPDX-License-Identifier: Apache-2.0
"""Chromium, headless, with a profile of its own and no network, and its own record of what a page asks for."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from examples.browser import photograph
from tests.services.packages import need

__all__ = ("Seen", "see")

_SIZE = (1000, 1800)
_NO_PAGE = "not an origin"


class Seen:
    """What Chromium made of a page.

    Attributes
    ----------
    pixels : `numpy.ndarray`
        (height, width, 3), 8 bits.
    asked_for : `list` of `str`
        What it tried to fetch, other than the page.
    said : `list` of `str`
        What stands in the page's console.
    """

    def __init__(self, pixels: npt.NDArray[np.uint8], asked_for: list[str], said: list[str]) -> None:
        self.pixels = pixels
        self.asked_for = asked_for
        self.said = said

    def count(self, colour: str) -> int:
        """Return how many pixels have a colour, given as ``#rrggbb``."""
        wanted = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)], dtype=np.uint8)
        return int(np.count_nonzero((self.pixels == wanted).all(axis=-1)))

    @property
    def colours(self) -> int:
        """How many colours there are."""
        red, green, blue = np.moveaxis(self.pixels.astype(np.uint32), -1, 0)
        return len(np.unique(red << 16 | green << 8 | blue))


def see(page: str, folder: Path, *, size: tuple[int, int] = _SIZE, options: Sequence[str] = ()) -> Seen:
    """Return what Chromium shows of a page, and asks for."""
    need("Chromium")
    (path := folder / "page.html").write_text(page, encoding="utf-8")
    given = [f"--log-net-log={folder / 'network.json'}", "--enable-logging", f"--log-file={folder / 'log'}", *options]
    photograph(path, folder / "picture.png", size, given)
    asked_for = _asked_for(folder / "network.json")
    with Image.open(folder / "picture.png") as image:
        return Seen(np.asarray(image.convert("RGB")), asked_for, _said(folder / "log"))


def _said(log: Path) -> list[str]:
    """Return what the console says of a page; the browser's log has it among its own complaints."""
    return [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if ":CONSOLE:" in line]


def _asked_for(log: Path) -> list[str]:
    """Return what pages asked for; what the browser itself wants has no origin."""
    found = json.loads(log.read_text(encoding="utf-8"))
    start = found["constants"]["logEventTypes"]["URL_REQUEST_START_JOB"]
    requests = [event.get("params", {}) for event in found["events"] if event["type"] == start]
    return [one["url"] for one in requests if one.get("initiator", _NO_PAGE) != _NO_PAGE]
