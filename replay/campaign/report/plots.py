# SPDX-License-Identifier: Apache-2.0
"""Plots, as SVG that stands in the page itself and takes its colours, light or dark."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from ...comparators.policy import Verdict
from .data import ReportData
from .ranking import Ranked
from .summary import Summary, TaskRow

__all__ = ("plot_sizes", "plot_times")

_TASKS = 16
"""Most rows of a plot."""
_DOTS = 120
"""Most dots in a row: a plot of 10^5 would be a page of 10 MB."""
_LABEL = 40
_INK, _LINE = "#010101", "#020202"
_ORIGINAL, _RERUN = "#030303", "#040404"
_COLOURS = {Verdict.DIFFERENT: "#050505", Verdict.EQUIVALENT: "#060606"}
_VARIABLES = {
    _INK: "--ink",
    _LINE: "--line",
    _ORIGINAL: "--original",
    _RERUN: "--rerun",
    _COLOURS[Verdict.DIFFERENT]: "--different",
    _COLOURS[Verdict.EQUIVALENT]: "--equivalent",
}
"""What these colours, which are nowhere else, become in the page."""
_COLOUR = re.compile(rf"(fill|stroke): ({'|'.join(_VARIABLES)})\b")
_UNWANTED = re.compile(r"<metadata>.*?</metadata>|<!--.*?-->", re.DOTALL)
_SIZE = re.compile(r'(<svg[^>]*?) width="[^"]*" height="[^"]*"')
_NAMES = re.compile(r'(\bid="|href="#|url\(#)')
_FIGURES: Mapping[str, Callable[[Ranked], float | None]] = {
    "largest |Δ|, relative to the value there": lambda one: one.relative,
    "largest |Δ|": lambda one: one.absolute,
}


def plot_sizes(summary: Summary) -> str | None:
    """Draw how large the differences are, a row for a task, a dot for a quantum; `None` if none can be measured.

    The scale is that of relative differences, which need no unit; only if there are none, e.g. since all that differs
    are whole numbers, that of the values. What has no place on it (shapes, words, the sign of zero) is left out.
    """
    for title, figure in _FIGURES.items():
        rows = [(task.label, _sizes(task.worst, figure)) for task in summary.tasks]
        rows = [row for row in rows if row[1]][:_TASKS]
        if rows:
            return _draw_sizes(rows, title)
    return None


def plot_times(data: ReportData, summary: Summary) -> str | None:
    """Draw how long the quanta of each task took, originally where that is known, and again; `None` without any."""
    originals: dict[str, list[float]] = {}
    for entry in data.entries:
        if (seconds := data.original_seconds.get(entry.attempt)) is not None:
            originals.setdefault(entry.task, []).append(seconds)
    tasks = [task for task in summary.tasks if task.seconds][:_TASKS]
    return _draw_times(tasks, originals) if tasks else None


Sizes = list[tuple[float, Verdict]]


def _sizes(found: Sequence[Ranked], figure: Callable[[Ranked], float | None]) -> Sizes:
    sizes = [(figure(one), one.verdict) for one in found if one.verdict in _COLOURS]
    known = sorted((size, verdict) for size, verdict in sizes if size)
    if len(known) <= _DOTS:
        return known
    # The smallest and the largest are among those that stay.
    return [known[round(i * (len(known) - 1) / (_DOTS - 1))] for i in range(_DOTS)]


def _draw_sizes(rows: Sequence[tuple[str, Sizes]], title: str) -> str:
    with _axes(len(rows), 0.42) as (figure, axes):
        for number, (_, sizes) in enumerate(rows):
            spread = np.random.default_rng(number).uniform(-0.22, 0.22, len(sizes))
            for verdict, colour in _COLOURS.items():
                dots = [(size, number + y) for (size, found), y in zip(sizes, spread, strict=True) if found is verdict]
                if dots:
                    axes.plot(*zip(*dots, strict=True), "o", ms=3.6, mew=0, color=colour, alpha=0.65)
        axes.set_xscale("log")
        _label(axes, [label for label, _ in rows], title)
        return _svg(figure, "sizes")


def _draw_times(tasks: Sequence[TaskRow], originals: Mapping[str, Sequence[float]]) -> str:
    with _axes(len(tasks), 0.46) as (figure, axes):
        for number, task in enumerate(tasks):
            known = originals.get(task.label)
            if known:
                _range(axes, number - 0.14, known, _ORIGINAL)
            _range(axes, number + (0.14 if known else 0), task.seconds, _RERUN)
        axes.set_xlim(left=0)
        _label(axes, [task.label for task in tasks], "seconds a quantum")
        return _svg(figure, "times")


def _range(axes: Any, y: float, seconds: Sequence[float], colour: str) -> None:
    """Draw where the middle nine tenths lie, and the median."""
    low, middle, high = np.percentile(seconds, (5, 50, 95))
    axes.plot([low, high], [y, y], color=colour, lw=3, alpha=0.45, solid_capstyle="round")
    axes.plot([middle], [y], "o", ms=5, mew=0, color=colour)


@contextmanager
def _axes(rows: int, height: float) -> Iterator[tuple[Any, Any]]:
    import matplotlib as mpl
    from matplotlib.figure import Figure

    chosen: dict[Any, Any] = {
        "svg.fonttype": "none",
        "font.size": 10,
        "text.color": _INK,
        "axes.edgecolor": _LINE,
        "axes.labelcolor": _INK,
        "xtick.color": _LINE,
        "xtick.labelcolor": _INK,
        "ytick.labelcolor": _INK,
        "grid.color": _LINE,
    }
    # A task may be called in any script: the browser has the glyphs that matplotlib misses.
    with mpl.rc_context(chosen), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        figure = Figure(figsize=(6.2, 0.8 + height * rows), layout="constrained")
        axes = figure.add_subplot()
        axes.set_ylim(rows - 0.5, -0.5)
        axes.grid(axis="x", lw=0.6, alpha=0.7)
        axes.set_axisbelow(True)
        for side in ("top", "right", "left"):
            axes.spines[side].set_visible(False)
        yield figure, axes


def _label(axes: Any, labels: Sequence[str], title: str) -> None:
    axes.set_xlabel(title)
    axes.tick_params(axis="y", length=0)
    # Not parsed: a dollar in a name is no formula.
    axes.set_yticks(range(len(labels)), [_short(label) for label in labels], parse_math=False)


def _short(label: str) -> str:
    from envcap.printable import printable

    label = printable(label, "")
    return label if len(label) <= _LABEL else f"{label[: _LABEL - 1]}…"


def _svg(figure: Any, salt: str) -> str:
    import matplotlib as mpl

    stream = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": salt}):
        figure.savefig(stream, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = _UNWANTED.sub("", stream.getvalue())
    text = _SIZE.sub(r"\1", text[text.index("<svg") :], count=1)
    # Two plots in one page must not share the names that they refer to.
    text = _NAMES.sub(rf"\g<1>{salt}-", text)
    return _COLOUR.sub(lambda found: f"{found[1]}: var({_VARIABLES[found[2]]})", text)
