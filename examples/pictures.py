# SPDX-License-Identifier: Apache-2.0
"""`make pictures`: runs the notebook of ``docs/notebooks.md`` and draws what it shows into ``docs/pictures/``."""

from __future__ import annotations

import shutil
import sys
import tempfile
from html import escape
from pathlib import Path

from PIL import Image, ImageChops

from .browser import photograph
from .notebook import Notebooks, cells_of_page, html_of

__all__ = ("PICTURES", "as_page", "draw", "main")

_SOURCE = Path(__file__).resolve().parents[1]
_FOLDER = _SOURCE / "docs" / "pictures"
_WIDTH, _HEIGHT, _MARGIN = 980, 1600, 14
_COLOURS = 96
PICTURES = {"job": "-o first", "diff": "envcap.diff", "comparison": "replay.compare", "plan": "replay.plan",
            "verdict": "replay.rerun"}  # fmt: skip
"""What the cell of each picture has in it."""
_LIGHT = ("#ffffff", "#1f2328", "#f5f6f8", "#d8dce2")
_DARK = ("#111418", "#e4e6ea", "#1c2026", "#373d46")
_PAGE = """\
<!DOCTYPE html>
<html><head><meta charset="utf-8"><style>
body {{ margin: {margin}px; background: {ground}; color: {text}; font: 14px/1.4 "DejaVu Sans", sans-serif; }}
.code {{ background: {field}; border: 1px solid {line}; padding: .5em .8em; margin: 0 0 .7em; white-space: pre-wrap; }}
.code, pre {{ font: 12.5px/1.45 "DejaVu Sans Mono", monospace; }}
</style></head><body><div class="code">{code}</div>{shown}</body></html>
"""


def as_page(code: str, shown: str, *, dark: bool = False) -> str:
    """Return a page with a cell and what it shows, in the colours of a light or a dark notebook."""
    ground, text, field, line = _DARK if dark else _LIGHT
    return _PAGE.format(
        code=escape(code), shown=shown, ground=ground, text=text, field=field, line=line, margin=_MARGIN
    )


def draw(page: str, picture: Path) -> None:
    """Draw a page, and cut off what is empty below it."""
    with tempfile.TemporaryDirectory() as folder:
        (path := Path(folder) / "page.html").write_text(page, encoding="utf-8")
        photograph(path, picture, (_WIDTH, _HEIGHT))
    with Image.open(picture) as opened:
        image = opened.convert("RGB")
    ground = Image.new("RGB", image.size, image.getpixel((0, 0)))
    drawn = ImageChops.difference(image, ground).getbbox()
    end = min(drawn[3] + _MARGIN, image.height) if drawn else image.height
    image.crop((0, 0, image.width, end)).quantize(_COLOURS).save(picture, optimize=True)


def main() -> int:
    """Draw all pictures."""
    if shutil.which("chromium") is None:
        sys.stderr.write("pictures: there is no chromium on PATH; on Debian: apt-get install chromium\n")
        return 1
    _FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="envcap-pictures-") as folder:
        notebooks = Notebooks(Path(folder))
        notebooks.make()
        notebooks.make_environment()
        cells = notebooks.run(cells_of_page())
        places = {folder: "/data/night", str(_SOURCE): "/opt/lab", f"; {_SOURCE.name}: ": "; envcap: ",
                  sys.base_prefix: "/opt/python"}  # fmt: skip
    for name, mark in PICTURES.items():
        (cell,) = [one for one in cells if mark in one.source and html_of(one)]
        shown = html_of(cell)[-1]
        for place, neutral in places.items():
            shown = shown.replace(place, neutral)  # where this machine has things is nobody's business
        draw(as_page(cell.source, shown, dark=name == "diff"), _FOLDER / f"{name}.png")
        sys.stdout.write(f"{name}.png\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
