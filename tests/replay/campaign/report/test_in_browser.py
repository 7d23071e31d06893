# SPDX-License-Identifier: Apache-2.0
"""The report in a real browser: it is drawn, light and dark, wide and narrow; nothing is asked for, nothing fails."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import numpy as np
import pytest

from replay.campaign.report.data import ReportData
from replay.campaign.report.html import html_document
from tests.services.chromium import Seen, see

pytestmark = pytest.mark.slow

RED, DARK_RED, LIGHT, DARK, GREEN = "#cf2e3c", "#f0616d", "#f6f7f9", "#10141a", "#1a7f4b"
DARK_MODE = ("--blink-settings=preferredColorScheme=0",)


@pytest.fixture(scope="module")
def html(night: ReportData) -> str:
    """Give the report on a night on which somebody broke the coadds."""
    return html_document(night)


def looked_at(html: str, folder: Path, *, width: int = 1280, options: tuple[str, ...] = ()) -> Seen:
    """Return what a browser shows, after a look at whether it complained or asked for anything."""
    seen = see(html, folder, size=(width, 2600), options=options)
    assert seen.said == []
    assert seen.asked_for == []
    return seen


def test_it_is_drawn(html: str, tmp_path: Path) -> None:
    seen = looked_at(html, tmp_path)
    assert seen.colours > 300
    assert seen.count(LIGHT) > 10_000
    assert seen.count(RED) > 1_000
    assert seen.count(GREEN) > 3_000
    # The bar of all verdicts is the first thing that has these colours, and the red is at its left.
    row = next(row for row in seen.pixels if (row == (0x1A, 0x7F, 0x4B)).all(axis=-1).any())
    red, green = (np.flatnonzero((row == colour).all(axis=-1)) for colour in ((0xCF, 0x2E, 0x3C), (0x1A, 0x7F, 0x4B)))
    assert red.max() < green.min()


def test_in_the_dark(html: str, tmp_path: Path) -> None:
    seen = looked_at(html, tmp_path, options=DARK_MODE)
    assert seen.count(DARK) > 10_000
    assert seen.count(LIGHT) == 0
    assert seen.count(DARK_RED) > 1_000  # of drawings too


def test_narrow_it_does_not_run_over(html: str, tmp_path: Path) -> None:
    seen = looked_at(html, tmp_path, width=500)
    edge = seen.pixels[:, -3:]
    top = seen.pixels[200, -1]
    assert (edge[100:] == top).all()  # nothing but the ground at the right edge


def test_pictures_are_pictures(html: str, tmp_path: Path) -> None:
    seen = looked_at(html, tmp_path)
    without = looked_at(re.sub(r"data:image/png;base64,[A-Za-z0-9+/=]+", "data:image/png;base64,", html), tmp_path)
    assert seen.colours > without.colours + 300


def test_nothing_gets_past_the_policy(html: str, tmp_path: Path) -> None:
    """Even if something were not escaped."""
    script = "document.body.style.background='#00ff00'"
    evil = (
        f"<script>{script}</script><img src='http://127.0.0.1:9/x' onerror=\"{script}\">"
        f"<iframe src='data:text/html;base64,{base64.b64encode(b'<body bgcolor=#00ff00>').decode()}'></iframe>"
    )
    seen = see(html.replace("<footer>", f"{evil}<footer>"), tmp_path)
    assert seen.count("#00ff00") == 0
    assert seen.asked_for == []
    assert seen.said != []  # the browser says what it refused: this is how the other tests can fail
    naked = re.sub(r"<meta http-equiv[^>]*>", "", html).replace("<footer>", f"{evil}<footer>")
    assert see(naked, tmp_path).asked_for == ["http://127.0.0.1:9/x"]
