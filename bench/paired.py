# SPDX-License-Identifier: Apache-2.0
"""What the benchmarks share: measuring in pairs, and one way to print and keep the figures.

A shared machine slows down and speeds up by tens of percent within a minute. So two things are measured in pairs,
each time the other one first (A B, B A, A B …): what grows meanwhile falls on both. The median of the ratios is
reported.
"""

from __future__ import annotations

import json
import os
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from rich.console import Console
from rich.table import Table

__all__ = ("Figures", "Row", "measure_pairs", "report", "setting", "value_row")

T = TypeVar("T")

RESULTS = os.path.join(os.path.dirname(__file__), "results")


@dataclass(frozen=True)
class Row:
    """One figure.

    Attributes
    ----------
    metric : `str`
        What was measured.
    value : `float`
        A median, in `unit`.
    unit : `str`
    versus : `str`
        What it is compared with or holds for, in words.
    ratio : `float` or `None`
        Median of the pairwise ratios.
    budget : `float` or `None`
        Upper limit of `ratio`; of `value` where there is no ratio.
    low, high : `float` or `None`
        Smallest and largest ratio of a pair; value, where there is no ratio.
    """

    metric: str
    value: float
    unit: str
    versus: str = ""
    ratio: float | None = None
    budget: float | None = None
    low: float | None = None
    high: float | None = None

    @property
    def met(self) -> bool | None:
        """Whether the figure is within its budget; `None` without one."""
        if self.budget is None:
            return None
        return (self.value if self.ratio is None else self.ratio) <= self.budget

    def to_json(self) -> dict[str, object]:
        """Return the row as it is kept."""
        return {
            "metric": self.metric,
            "value": _rounded(self.value),
            "unit": self.unit,
            "versus": self.versus,
            "ratio": _rounded(self.ratio),
            "budget": self.budget,
            "met": self.met,
            "low": _rounded(self.low),
            "high": _rounded(self.high),
        }


@dataclass(frozen=True)
class Figures:
    """One quantity of all pairs.

    Attributes
    ----------
    baseline, subject : sequence of `float`
        Of one length; items at one position were measured one right after the other.
    """

    baseline: Sequence[float]
    subject: Sequence[float]

    @classmethod
    def of(cls, pairs: Iterable[tuple[T, T]], quantity: Callable[[T], float]) -> Figures:
        """Take one quantity out of measured pairs."""
        taken = [(quantity(first), quantity(second)) for first, second in pairs]
        return cls([first for first, _ in taken], [second for _, second in taken])

    def ratio_row(self, metric: str, unit: str, versus: str, budget: float | None = None) -> Row:
        """Return the row that compares the subject with the baseline by their ratio."""
        ratios = [second / first for first, second in zip(self.baseline, self.subject, strict=True)]
        return Row(
            metric,
            statistics.median(self.subject),
            unit,
            f"{versus}: {_text(statistics.median(self.baseline))} {unit}",
            statistics.median(ratios),
            budget,
            min(ratios),
            max(ratios),
        )

    def difference_row(self, metric: str, unit: str, versus: str, budget: float | None = None) -> Row:
        """Return the row of what the subject takes more than the baseline: its value is the median difference."""
        differences = [second - first for first, second in zip(self.baseline, self.subject, strict=True)]
        return value_row(metric, differences, unit, versus, budget)


def value_row(metric: str, values: Sequence[float], unit: str, versus: str = "", budget: float | None = None) -> Row:
    """Return the row of a quantity that has no baseline."""
    return Row(metric, statistics.median(values), unit, versus, None, budget, min(values), max(values))


def measure_pairs(
    baseline: Callable[[], T], subject: Callable[[], T], pairs: int, warm_up: int = 1
) -> list[tuple[T, T]]:
    """Measure two things in pairs, by turns the one and the other first.

    Parameters
    ----------
    baseline, subject : callable
        Each does its work once and returns what it measured.
    pairs : `int`
        Pairs that count.
    warm_up : `int`, optional
        Pairs before them, which don't.
    """
    measured = []
    for number in range(warm_up + pairs):
        if number % 2:
            second = subject()
            measured.append((baseline(), second))
        else:
            measured.append((baseline(), subject()))
    return measured[warm_up:]


def setting(name: str, default: int) -> int:
    """Return a size of a benchmark: an environment variable, if it is set."""
    return int(os.environ.get(name, default))


def report(name: str, rows: Sequence[Row]) -> None:
    """Print the rows and write ``bench/results/NAME.json``."""
    os.makedirs(RESULTS, exist_ok=True)
    with open(os.path.join(RESULTS, f"{name}.json"), "w", encoding="utf-8") as stream:
        json.dump([row.to_json() for row in rows], stream, ensure_ascii=False, indent=1)
        stream.write("\n")
    table = Table(title=f"bench {name}", title_justify="left", caption_justify="left")
    table.caption = "medians; lowest … highest in parentheses; a budget is for the ratio where there is one"
    for heading in ("", "value", "against", "ratio", "budget", "met"):
        table.add_column(heading, justify="right" if heading in ("value", "ratio", "budget") else "left")
    for row in rows:
        spread = f" ({_text(row.low)} … {_text(row.high)})" if row.low is not None else ""
        value = f"{_text(row.value)} {row.unit}" + (spread if row.ratio is None else "")
        ratio = "" if row.ratio is None else f"{_text(row.ratio)}{spread}"
        met = {None: "", True: "yes", False: "no"}[row.met]
        table.add_row(row.metric, value, row.versus, ratio, "" if row.budget is None else _text(row.budget), met)
    # A pipe has no width of its own; a row should still stay on one line there.
    Console(width=None if os.isatty(1) else 180).print(table)


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.4g}")


def _text(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
