# SPDX-License-Identifier: Apache-2.0
"""Tables and colours for people, from rich, which only the commands that people read import."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import IO, cast

from ..errors import UsageError
from ..printable import printable

__all__ = ("advancing", "console", "progress", "section", "table")

_PIPE_WIDTH = 240

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeVar

    from rich.console import Console
    from rich.table import Table

    _T = TypeVar("_T")


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
        # A pipe has no width: nothing is cut off, and nothing has to be filled.
        made.width = _PIPE_WIDTH
        made.file = cast("IO[str]", _Trimmed(made.file))
    return made


class _Trimmed:
    """A stream to which lines go without the spaces at their ends."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write some text."""
        return self._stream.write(re.sub(r"[ ]+$", "", text, flags=re.MULTILINE))

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)


def table(headings: Sequence[str], rows: Iterable[Sequence[str]], *, colours: Mapping[str, str] | None = None) -> Table:
    """Return a plain table: one line a row, headings underlined, nothing drawn around it.

    Parameters
    ----------
    headings : sequence of `str`
    rows : iterable of sequence of `str`
    colours : mapping, optional
        The style of a cell by its text, for words that say how something is.
    """
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    made = Table(*headings, box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in made.columns:
        column.overflow = "fold"  # an id that is cut off in a narrow terminal names nothing
    for row in rows:
        made.add_row(*(Text(cell, style=(colours or {}).get(cell, "")) for cell in map(printable, row)))
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


def progress(items: Iterable[_T], title: str, total: int) -> Iterator[_T]:
    """Pass items on, with a bar on stderr."""
    from rich.progress import track

    yield from track(items, title, total=total, console=console(), transient=True)


@contextmanager
def advancing(title: str, unit: str) -> Iterator[Callable[[int, int], None]]:
    """Give what moves a bar on stderr: it takes how much is done, and of how much."""
    from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    amount = DownloadColumn() if unit == "bytes" else MofNCompleteColumn()
    columns = (TextColumn(title), BarColumn(), amount, TimeRemainingColumn())
    with Progress(*columns, console=console(), transient=True) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, whole: bar.update(task, completed=done, total=whole)
