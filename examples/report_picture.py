# SPDX-License-Identifier: Apache-2.0
"""`make pictures`: draws the head of a campaign's report into ``docs/pictures/``."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from PIL import Image

from replay.campaign.report.html import html_document

from .browser import photograph
from .campaign import Night

__all__ = ("PICTURE", "draw", "main")

PICTURE = Path(__file__).resolve().parents[1] / "docs" / "pictures" / "campaign-report.png"
_SIZE = (1240, 1820)


def draw(picture: Path) -> None:
    """Draw what is seen first of a report."""
    with tempfile.TemporaryDirectory(prefix="envcap-pictures-") as folder:
        (page := Path(folder) / "report.html").write_text(html_document(Night(Path(folder)).report()), encoding="utf-8")
        photograph(page, picture, _SIZE)
    with Image.open(picture) as opened:
        image = opened.convert("RGB").quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    image.save(picture, optimize=True)


def main() -> int:
    """Draw the picture."""
    if shutil.which("chromium") is None:
        sys.stderr.write("pictures: there is no chromium on PATH; on Debian: apt-get install chromium\n")
        return 1
    draw(PICTURE)
    sys.stdout.write(f"{PICTURE.name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
