# SPDX-License-Identifier: Apache-2.0
"""Say which jobs of a RUN stand out from the rest of it, and which made something else of the same.

Told are jobs of a task that have other software, another host or other loaded libraries than most jobs of that task (a
stray library, one node with another microcode), with what differs; and jobs of one content key, in this RUN or any
other, whose outputs differ: the same software on the same inputs. Outputs differ here if their bytes do: what 'replay
compare A B' says of their values may be milder.

The exit status is 1 if there are any.

Examples
--------
  envcap anomalies u/me/run/20261101T000000Z
  envcap anomalies u/me/run/20261101T000000Z --json
"""

from __future__ import annotations

import argparse

from ..anomalies import Disagreement, Outlier, disagreements, outliers
from ..errors import UnknownSelectorError
from ..printable import printable
from ..store.index import Index
from .dispatch import add_json, add_store, print_json, store_of
from .listing import shown

__all__ = ("add_arguments", "run")

_FOUND = 1
_MOST_LINES = 8
_BY_PLACE = "source, position, number"
_SAME_KEY = (
    "content_key IN (SELECT content_key FROM attempts WHERE run = ? AND status = 'ok') "
    "AND content_key IN (SELECT content_key FROM attempts WHERE status = 'ok' GROUP BY content_key HAVING COUNT(*) > 1)"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument("run", metavar="RUN", help="name of the RUN collection")
    add_store(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Look, and print what was found."""
    index = Index(store_of(arguments))
    count = index.count("run = ?", (arguments.run,))
    if not count:
        told = f"{index.store} has no jobs of the RUN {arguments.run!r}; 'envcap jobs' lists what is there"
        raise UnknownSelectorError(told)
    jobs = index.attempts("run = ? AND replay_of IS NULL", (arguments.run,), order=_BY_PLACE)
    strange = outliers(shown(jobs, "look", count, arguments), index.store)
    differing = disagreements(index.attempts(_SAME_KEY, (arguments.run,), order=_BY_PLACE))
    if arguments.json:
        print_json({
            "run": arguments.run, "jobs": count, "outliers": [one._asdict() for one in strange],
            "disagreements": [one._asdict() for one in differing], "unreadable": index.unreadable,
        })  # fmt: skip
    else:
        _print(arguments.run, count, strange, differing, index.unreadable)
    return _FOUND if strange or differing else 0


def _print(name: str, count: int, strange: list[Outlier], differing: list[Disagreement], unreadable: list[str]) -> None:
    from .console import console, section

    out = console(stderr=False)
    for one in strange:
        rows = [("where", ", ".join(one.hosts)), ("jobs", _few([f"attempt:{attempt}" for attempt in one.attempts]))]
        rows += [("differs", line) for line in one.changes[:_MOST_LINES]]
        if len(one.changes) > _MOST_LINES:
            rows.append(("", f"and {len(one.changes) - _MOST_LINES} more: envcap diff"))
        of = f" of {one.task}" if one.task else ""
        out.print(section(f"{one.kind}: {len(one.attempts)} jobs{of} against {one.others}", rows))
    for pair in differing:
        rows = [("outputs", ", ".join(pair.outputs)), ("jobs", _few([f"attempt:{one}" for one in pair.attempts]))]
        out.print(section(f"same content key, different outputs: {pair.content_key[:19]}…", rows))
    for reason in unreadable:
        out.print(f"unreadable: {printable(reason)}", markup=False)
    out.print(f"{count} jobs of {printable(name)}: {len(strange)} kinds of outliers, {len(differing)} disagreements")


def _few(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
