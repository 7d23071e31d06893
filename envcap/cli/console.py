# SPDX-License-Identifier: Apache-2.0
"""Tables and colours for people, from rich, which only the commands that people read import."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..errors import UsageError

__all__ = ("console", "printable", "section", "table")

_PIPE_WIDTH = 240

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


def console(*, stderr: bool = True) -> Console:
    """Return the console that a command writes its text for people to.

    Raises
    ------
    UsageError
        If rich isn't installed.
    """
    try:
        from rich.console import Console
    except ImportError:
        raise UsageError("text for people needs rich: pip install 'envcap[cli]', or use --json") from None
    made = Console(stderr=stderr, highlight=False)
    if not made.is_terminal:
        # A pipe has no width: nothing is cut off.
        made.width = _PIPE_WIDTH
    return made


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """Return a plain table: one line a row, headings underlined, nothing drawn around it."""
    from rich.box import SIMPLE_HEAD
    from rich.markup import escape
    from rich.table import Table

    made = Table(*headings, box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for row in rows:
        made.add_row(*(escape(printable(cell)) for cell in row))
    return made


def section(title: str, rows: Iterable[tuple[str, str]]) -> Table:
    """Return a section: its title, then names and values, aligned."""
    from rich.markup import escape
    from rich.table import Table

    made = Table(box=None, show_header=False, pad_edge=False, title=f"[bold]{escape(printable(title))}[/bold]")
    made.title_justify = "left"
    made.title_style = ""
    made.add_column(style="cyan", min_width=20, no_wrap=True)
    made.add_column(overflow="fold")
    for name, value in rows:
        made.add_row(f"  {escape(printable(name))}", escape(printable(value)))
    return made


def printable(text: str) -> str:
    """Return a text whose control characters can't reach a terminal: a manifest is anybody's."""
    return "".join(c if c == "\n" or c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
