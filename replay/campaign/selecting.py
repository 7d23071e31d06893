# SPDX-License-Identifier: Apache-2.0
"""From datasets to the quanta that made them, as far as the store knows these."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from envcap.digest import sha256_hex
from envcap.errors import EnvcapError
from envcap.ids import uuid_text
from envcap.model.components import Hardware, RubinQuantum
from envcap.store.batch import DATASET, key_of
from envcap.store.index import Attempt, Index

from .definition import Planned

__all__ = ("Selection", "captured_quanta", "captured_runs")

_SHORT = 12
_UNKNOWN = "unknown"


@dataclass(frozen=True)
class Selection:
    """What was found of some datasets.

    Attributes
    ----------
    quanta : sequence of `Planned`
        By environment, then by task, oldest first.
    uncaptured : `Counter`
        How many datasets no captured quantum made, by dataset type.
    unreadable : sequence of `str`
        Why what could not be read could not.
    """

    quanta: Sequence[Planned]
    uncaptured: Counter[str]
    unreadable: Sequence[str]


def captured_runs(index: Index) -> list[str]:
    """Return the RUNs of the quanta in a store."""
    rows = index.columns("run", "kind = 'quantum' AND replay_of IS NULL AND run IS NOT NULL", order="run")
    return list(dict.fromkeys(str(run) for (run,) in rows))


def captured_quanta(
    index: Index,
    datasets: Mapping[str, Sequence[str]],
    tasks: Sequence[str] = (),
    watch: Callable[[Sequence[bytes]], Iterable[bytes]] = iter,
) -> Selection:
    """Return the quanta that made some datasets.

    Parameters
    ----------
    index : `Index`
    datasets : mapping
        UUIDs by dataset type.
    tasks : sequence of `str`
        Labels; by default, all tasks.
    watch : callable, optional
        Passes on the attempts that are read, to show how far that is.
    """
    keys = {key_of(DATASET, uuid): name for name, uuids in datasets.items() for uuid in uuids}
    makers: dict[bytes, set[bytes]] = defaultdict(set)
    for key, attempt in index.keyed_many(list(keys)):
        makers[attempt].add(key)
    chosen = _best(index, list(makers))
    known = {key for attempt in chosen for key in makers[attempt]}
    uncaptured = Counter(name for key, name in keys.items() if key not in known)
    planned, unreadable = [], []
    environments: dict[tuple[str, ...], str] = {}
    cpus: dict[str, str] = {}
    for attempt in watch(chosen):
        try:
            one = _planned(index.load(uuid_text(attempt)), environments, cpus)
        except EnvcapError as err:
            unreadable.append(f"attempt {uuid_text(attempt)}: {err}")
            continue
        if not tasks or one.task in tasks:
            planned.append(one)
    planned.sort(key=lambda one: (one.environment, one.task, one.attempt))
    return Selection(planned, uncaptured, unreadable)


def _best(index: Index, attempts: Sequence[bytes]) -> list[bytes]:
    """Return one attempt of each quantum: the latest that ended well, else the latest, as a selector resolves."""
    best: dict[str, tuple[bool, str, bytes]] = {}
    for attempt, quantum, status, started in _quanta(index, attempts):
        candidate = (status == "ok", started, attempt)
        best[quantum] = max(best.get(quantum, candidate), candidate)
    return sorted(attempt for _, _, attempt in best.values())


def _quanta(index: Index, attempts: Sequence[bytes]) -> Iterator[tuple[bytes, str, str | None, str]]:
    for start in range(0, len(attempts), 500):
        some = attempts[start : start + 500]
        condition = f"kind = 'quantum' AND replay_of IS NULL AND attempt IN ({', '.join('?' * len(some))})"
        for attempt, quantum, status, started in index.columns("attempt, quantum, status, started", condition, some):
            yield attempt, quantum or uuid_text(attempt), status, started


def _planned(attempt: Attempt, environments: dict[tuple[str, ...], str], cpus: dict[str, str]) -> Planned:
    manifest, task = attempt.manifest, attempt.recipe.task
    return Planned(
        attempt=manifest.attempt,
        quantum=manifest.job.quantum or "",
        task=task.label if isinstance(task, RubinQuantum) else _UNKNOWN,
        name=manifest.job.name,
        environment=_environment(attempt, environments),
        cpu=_cpu(attempt, cpus),
        node=manifest.writer.host,
    )


def _environment(attempt: Attempt, known: dict[tuple[str, ...], str]) -> str:
    """Return a short name of the software that a job ran in, its container included."""
    parts = [f"{kind} {one.digest}" for kind, one in sorted(attempt.recipe.software.items())]
    container = attempt.manifest.host.get("container")
    key = (*parts, container.digest if container else "")
    if key not in known:
        known[key] = sha256_hex("\n".join(key).encode())[:_SHORT]
    return known[key]


def _cpu(attempt: Attempt, known: dict[str, str]) -> str:
    descriptor = attempt.manifest.host.get("hardware")
    if descriptor is None or attempt.store is None:
        return _UNKNOWN
    if descriptor.digest not in known:
        try:
            found = Hardware.from_bytes(attempt.store.get(descriptor.digest)).cpu_model
        except EnvcapError:  # the campaign can do without
            found = None
        known[descriptor.digest] = found or _UNKNOWN
    return known[descriptor.digest]
