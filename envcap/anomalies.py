# SPDX-License-Identifier: Apache-2.0
"""Which jobs of a run stand out from the rest of it: in their software, their host, what they loaded, what they made.

Jobs are compared with jobs of the same task: another task loads other libraries. Of what most of them have in common,
the others are told with what differs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from .describe import component
from .differences import document_changes
from .errors import EnvcapError
from .model.descriptor import Descriptor
from .store.attempt import Attempt
from .store.base import ObjectStore

__all__ = ("Disagreement", "Outlier", "disagreements", "outliers")

_FEWEST = 3
"""Fewer jobs than that have no rest to stand out from."""

_BESIDE = ("_metadata", "_log")
"""Ends of the dataset types that say how a quantum went, and are never the same twice."""


class Outlier(NamedTuple):
    """Jobs of a run that have another component than most.

    Attributes
    ----------
    kind : `str`
        Of the component: ``hardware``, ``loaded_libraries``, …
    task : `str`
        The task that these are jobs of; empty if it is so in all tasks alike.
    attempts : `list` [ `str` ]
    hosts : `list` [ `str` ]
    others : `int`
        How many jobs have the usual one.
    changes : `list` [ `str` ]
        What is otherwise, a line each, or why that is not known.
    """

    kind: str
    task: str
    attempts: list[str]
    hosts: list[str]
    others: int
    changes: list[str]


class Disagreement(NamedTuple):
    """Jobs of one content key whose outputs differ: the same software on the same inputs made something else.

    Attributes
    ----------
    content_key : `str`
    attempts : `list` [ `str` ]
    outputs : `list` [ `str` ]
        Names of the outputs that differ.
    """

    content_key: str
    attempts: list[str]
    outputs: list[str]


def outliers(attempts: Iterable[Attempt], store: ObjectStore) -> list[Outlier]:
    """Return the jobs that stand out.

    Parameters
    ----------
    attempts : iterable of `Attempt`
    store : `ObjectStore`
        That has their components.
    """
    groups: dict[tuple[str, str], dict[str, list[tuple[str, str]]]] = defaultdict(lambda: defaultdict(list))
    known: dict[str, Descriptor] = {}
    for attempt in attempts:
        job = (attempt.manifest.attempt, attempt.manifest.writer.host)
        for kind, descriptor in _components(attempt):
            known[descriptor.digest] = descriptor
            groups[kind, _task(attempt)][descriptor.digest].append(job)
    found = [one for (kind, task), group in groups.items() for one in _of_group(kind, task, group, known, store)]
    return _joined(found)


def _components(attempt: Attempt) -> Iterator[tuple[str, Descriptor]]:
    yield from attempt.recipe.software.items()
    yield from attempt.manifest.host.items()
    if attempt.result is not None and attempt.result.observed:
        yield from attempt.result.observed.items()


def _task(attempt: Attempt) -> str:
    return str(attempt.recipe.work.get("label") or attempt.recipe.work.get("name") or attempt.manifest.job.name)


def _of_group(
    kind: str,
    task: str,
    group: Mapping[str, list[tuple[str, str]]],
    known: Mapping[str, Descriptor],
    store: ObjectStore,
) -> Iterator[Outlier]:
    """Yield those of a task that have another component than more than half of its jobs."""
    total = sum(map(len, group.values()))
    usual = max(group, key=lambda digest: len(group[digest]))
    if total < _FEWEST or 2 * len(group[usual]) <= total:
        return
    for digest, jobs in group.items():
        if digest != usual:
            hosts = sorted({host for _, host in jobs})
            changes = _changes(known[usual], known[digest], store)
            yield Outlier(kind, task, [attempt for attempt, _ in jobs], hosts, len(group[usual]), changes)


def _changes(usual: Descriptor, other: Descriptor, store: ObjectStore) -> list[str]:
    try:
        changed = document_changes(component(store, usual), component(store, other))
    except EnvcapError as err:
        return [f"what differs is not known: {err}"]
    return [f"{change.name}: {change.before} → {change.after}" for change in changed]


def _joined(found: list[Outlier]) -> list[Outlier]:
    """Return one outlier for what several tasks show alike, as of a node that has other hardware; most jobs first."""
    alike: dict[tuple[str, tuple[str, ...]], list[Outlier]] = defaultdict(list)
    for one in found:
        alike[one.kind, tuple(one.changes)].append(one)
    joined = [
        Outlier(
            kind,
            group[0].task if len(group) == 1 else "",
            [attempt for one in group for attempt in one.attempts],
            sorted({host for one in group for host in one.hosts}),
            sum(one.others for one in group),
            list(changes),
        )
        for (kind, changes), group in alike.items()
    ]
    return sorted(joined, key=lambda one: (one.kind, -len(one.attempts)))


def disagreements(attempts: Iterable[Attempt]) -> list[Disagreement]:
    """Return the jobs that should have made the same, and did not, byte for byte.

    Parameters
    ----------
    attempts : iterable of `Attempt`
        That ended well.
    """
    by_key: dict[str, list[Attempt]] = defaultdict(list)
    for attempt in attempts:
        if attempt.result is not None and attempt.result.status == "ok" and attempt.result.content_key:
            by_key[attempt.result.content_key].append(attempt)
    found = []
    for key, group in by_key.items():
        made = [_outputs(attempt) for attempt in group]
        every = {name for outputs in made for name in outputs}
        names = sorted(name for name in every if len({tuple(outputs.get(name, ())) for outputs in made}) > 1)
        if names:
            found.append(Disagreement(key, [one.manifest.attempt for one in group], names))
    return found


def _outputs(attempt: Attempt) -> dict[str, list[str]]:
    """Return the digests of the outputs that the job was for, in order, by name: several may have one."""
    assert attempt.result is not None
    found: dict[str, list[str]] = defaultdict(list)
    files = attempt.manifest.job.files or {}
    names = {path: name for name, path in files.items()}
    for output in attempt.result.outputs:
        path = (output.file.uri or "").removeprefix("file://")
        name = output.dataset_type or names.get(path, path.rpartition("/")[2])
        if output.file.digest and not name.endswith(_BESIDE):
            found[name].append(output.file.digest)
    return {name: sorted(digests) for name, digests in found.items()}
