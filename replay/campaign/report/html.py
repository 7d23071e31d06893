# SPDX-License-Identifier: Apache-2.0
"""The report that people read: one HTML file without scripts, which fetches nothing.

Everything in it is anybody's: it is escaped, and what is long is cut off, in one place (`_shown`). Should anything get
through nevertheless, the page's own Content-Security-Policy forbids scripts and everything that would be fetched.
"""

from __future__ import annotations

import os
from itertools import islice
from typing import Any

from envcap.errors import UsageError
from envcap.ids import timestamp
from envcap.printable import printable

from ...comparators.policy import Verdict
from ...fidelity import Fidelity
from .commands import commands_of, comparison_of
from .cutouts import cutouts_of
from .data import ReportData
from .documents import Output, replay_of, seconds_of, tree_lines
from .pictures import colour_bar
from .plots import plot_sizes, plot_times
from .ranking import WORST_FIRST
from .summary import Summary, percentage, summarize
from .suspicion import suspects_of

__all__ = ("html_document",)

_TEMPLATES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "templates")
_LONGEST = 600
"""Longest text that is shown, in characters."""
_ROWS = 300
_LINES = 40
"""Longest tree of differences that is shown, in lines."""
_TASKS, _GROUPS, _SLOWEST = 200, 40, 12
"""Most rows of tables; only of tasks may there be many that matter."""


def html_document(data: ReportData) -> str:
    """Return a campaign's report as an HTML file.

    Raises
    ------
    UsageError
        If what makes it isn't installed.
    """
    try:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined
        from markupsafe import Markup
    except ImportError as err:
        raise UsageError(f"the page is made by jinja2 and matplotlib: pip install 'envcap[campaign]' ({err})") from err

    templates = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.globals.update(
        commands=commands_of,
        comparison=comparison_of,
        percentage=percentage,
        replay_of=replay_of,
        seconds_of=seconds_of,
        tree=_tree,
    )
    with open(os.path.join(_TEMPLATES, "style.css"), encoding="utf-8") as stream:
        style = Markup(stream.read())  # noqa: S704 - it is ours
    return templates.get_template("page.html").render(style=style, **_content(data))


def _content(data: ReportData) -> dict[str, Any]:
    from markupsafe import Markup

    summary = summarize(data)
    suspects = suspects_of(summary.ranked)
    # matplotlib escapes its texts.
    plots = {"sizes": Markup(plot_sizes(summary) or ""), "times": Markup(plot_times(data, summary) or "")}  # noqa: S704
    return {
        "data": data,
        "summary": summary,
        "headline": _headline(summary),
        "verdicts": WORST_FIRST,
        "accepted": (Verdict.EQUAL, Verdict.EQUIVALENT),
        "fidelities": [str(one) for one in Fidelity],
        "tasks": summary.tasks[:_TASKS],
        "suspects": suspects[:_GROUPS],
        "suspects_left": max(len(suspects) - _GROUPS, 0),
        "layers": summary.layers[:_GROUPS],
        "failures": summary.failures[:_GROUPS],
        "likely": lambda label: next((one for one in suspects if one.tasks[label]), None),
        "plots": plots,
        "cutouts": cutouts_of(summary.ranked),
        "colour_bar": colour_bar(),
        "quanta": summary.ranked[:_ROWS],
        "slowest": sorted(data.entries, key=seconds_of, reverse=True)[:_SLOWEST],
        "made": timestamp(),
    }


def _headline(summary: Summary) -> tuple[Verdict | None, str]:
    """Return what a campaign came to, as its worst verdict and a sentence."""
    counts, judged = summary.counts, summary.judged
    if not judged:
        return None, "Nothing is judged yet."
    numbers = [(verdict, counts[verdict], told) for verdict, told in _TOLD.items() if counts[verdict]]
    if not numbers:
        exactly = ", byte for byte" if counts[Verdict.IDENTICAL] == judged else ""
        return Verdict.IDENTICAL, f"{_quanta(judged)} came out the same{exactly}."
    told = ", ".join(f"{number:,} {one if number == 1 else many}" for _, number, (one, many) in numbers)
    return numbers[0][0], f"Of {_quanta(judged)}, {told}."


_TOLD = {
    Verdict.DIFFERENT: ("differs", "differ"),
    Verdict.FAILED: ("failed", "failed"),
    Verdict.EQUIVALENT: ("is the same only within a tolerance", "are the same only within tolerances"),
}


def _quanta(number: int) -> str:
    return f"{number:,} {'quantum' if number == 1 else 'quanta'}"


def _tree(output: Output) -> tuple[list[Any], bool]:
    """Return the first lines of a tree, and whether there are more."""
    lines = list(islice(tree_lines(output), _LINES + 1))
    return lines[:_LINES], len(lines) > _LINES


def _shown(value: Any) -> Any:
    """Return a text as it may be shown; whatever isn't a text is ours."""
    if not isinstance(value, str) or hasattr(value, "__html__"):
        return value
    text = printable(value, "\n\t")
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
