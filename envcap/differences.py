# SPDX-License-Identifier: Apache-2.0
"""How two attempts differ, layer by layer, what decides results first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .attempt_diff import AttemptDiff, Change, LayerDiff
from .changed_lines import changed_lines
from .describe import component
from .errors import EnvcapError
from .model.components import PythonBlock, RubinConfig, RubinQuantum
from .model.descriptor import Descriptor
from .store.base import ObjectStore
from .store.index import Attempt
from .store.selector import find

__all__ = ("AttemptDiff", "Change", "LayerDiff", "diff", "diff_attempts", "document_changes")

_SOFTWARE = ("source", "eups", "python_dists", "conda", "interpreter", "numerics")
_AROUND = ("process_env", "operating_system", "os_packages", "container", "hardware", "allotment")
_OBSERVED = ("effective_numerics", "loaded_libraries", "imported_modules", "installed_files")
_AT_TIMES = ("node_details", "python_artifacts")
"""Not looked at in every job: that one has it and another not is no difference."""
_KEYS = ("name", "path", "library", "source")
_NOTHING = "—"


def diff(a: str | Attempt, b: str | Attempt, *, store: str | None = None) -> AttemptDiff:
    """Return how two attempts differ, each named by a selector or found before.

    Raises
    ------
    EnvcapError
        As `envcap.find`.
    """
    found_a, found_b = (one if isinstance(one, Attempt) else find(one, store=store) for one in (a, b))
    return diff_attempts(found_a, found_b)


def diff_attempts(a: Attempt, b: Attempt) -> AttemptDiff:
    """Return how two attempts differ."""
    layers = [_work(a, b), *_code(a, b), _config(a, b), _inputs(a, b)]
    layers += [_component(kind, _software(a, kind), _software(b, kind), a, b) for kind in _present(_SOFTWARE, a, b)]
    layers += [_component(kind, _observed(a, kind), _observed(b, kind), a, b) for kind in _OBSERVED]
    for kind in _AT_TIMES:
        pair = _observed(a, kind), _observed(b, kind)
        if not any(isinstance(found, str) for found in pair):
            layers.append(_component(kind, *pair, a, b))
    layers += [_component(kind, _software(a, kind), _software(b, kind), a, b) for kind in _present(_AROUND, a, b)]
    layers.append(_outputs(a, b))
    return AttemptDiff(a, b, layers)


def _present(kinds: Sequence[str], a: Attempt, b: Attempt) -> list[str]:
    """Return the known kinds in order, and with the last of them what a newer writer has recorded besides."""
    if kinds is not _AROUND:
        return list(kinds)
    known = {*_SOFTWARE, *_AROUND}
    return [*kinds, *sorted(({*a.recipe.software, *b.recipe.software, *a.manifest.host, *b.manifest.host}) - known)]


def _software(attempt: Attempt, kind: str) -> Descriptor | str:
    found = attempt.recipe.software.get(kind) or attempt.manifest.host.get(kind)
    if found is not None:
        return found
    outcome = attempt.manifest.outcomes.get(kind)
    return f"{outcome.status}: {outcome.reason}" if outcome else "not looked for"


def _observed(attempt: Attempt, kind: str) -> Descriptor | str:
    result = attempt.result
    if result is None:
        return f"the job is {attempt.state}"
    outcome = (result.outcomes or {}).get(kind)
    found = (result.observed or {}).get(kind)
    return found or (f"{outcome.status}: {outcome.reason}" if outcome else "not looked for")


def _component(kind: str, a: Descriptor | str, b: Descriptor | str, in_a: Attempt, in_b: Attempt) -> LayerDiff:
    if isinstance(a, str) or isinstance(b, str):
        told = [one if isinstance(one, str) else one.digest for one in (a, b)]
        if told[0] == told[1] or (told[0].startswith("absent") and told[1].startswith("absent")):
            return LayerDiff(kind)
        return LayerDiff(kind, [Change("", *told)])
    if a.digest == b.digest:
        return LayerDiff(kind)
    try:
        return LayerDiff(kind, list(_changes(_read(in_a.store, a), _read(in_b.store, b))))
    except EnvcapError as err:
        return LayerDiff(kind, unknown=str(err))


def _read(store: ObjectStore | None, descriptor: Descriptor) -> Mapping[str, Any]:
    assert store is not None
    return component(store, descriptor)


def _work(a: Attempt, b: Attempt) -> LayerDiff:
    hidden = ("code", "config", "inputs", "init_inputs")
    plain = [{k: v for k, v in one.recipe.work.items() if k not in hidden} for one in (a, b)]
    return LayerDiff("work", list(_changes(*plain)))


def _code(a: Attempt, b: Attempt) -> Iterator[LayerDiff]:
    """Yield the layer of code that lies in no file, if there is such."""
    pair = [one.recipe.task.code if isinstance(one.recipe.task, PythonBlock) else None for one in (a, b)]
    if pair == [None, None]:
        return
    if None not in pair and len({found.digest for found in pair if found}) == 1:
        yield LayerDiff("code")
        return
    try:
        texts = [_source(one, found) for one, found in zip((a, b), pair, strict=True)]
    except EnvcapError as err:
        yield LayerDiff("code", unknown=str(err))
        return
    yield LayerDiff("code", [Change(name, x or _NOTHING, y or _NOTHING) for name, x, y in changed_lines(*texts)])


def _source(attempt: Attempt, code: Descriptor | None) -> str:
    if code is None:
        return ""
    assert attempt.store is not None
    return attempt.store.get(code.digest).decode("utf-8", "replace")


def _config(a: Attempt, b: Attempt) -> LayerDiff:
    found = [one.recipe.work.get("config") for one in (a, b)]
    if found[0] == found[1]:
        return LayerDiff("configuration")
    if isinstance(a.recipe.task, RubinQuantum) and isinstance(b.recipe.task, RubinQuantum) and all(found):
        try:
            pair = [
                RubinConfig.checked(_read(one.store, Descriptor.checked(config))).fields or {}
                for one, config in zip((a, b), found, strict=True)
            ]
        except EnvcapError as err:
            return LayerDiff("configuration", unknown=str(err))
        return LayerDiff("configuration", _changed(pair[0], pair[1]))
    return LayerDiff("configuration", list(_changes(*({"": one or {}} for one in found))))


def _inputs(a: Attempt, b: Attempt) -> LayerDiff:
    pair = []
    for one in (a, b):
        work: Mapping[str, Any] = one.recipe.work
        named: dict[str, Any] = {**work.get("init_inputs", {}), **work.get("inputs", {})}
        files = {entry.dataset: entry.file.digest for entry in (one.result.inputs if one.result else ()) if entry.file}
        flat: dict[str, str] = {}
        for name, value in named.items():
            values = [value] if isinstance(value, str) else list(value)
            for number, uuid in enumerate(values):
                key = name if len(values) == 1 else f"{name}[{number}]"
                content = files.get(uuid)
                flat[key] = uuid + (f" ({content[:19]}…)" if content else "")
        pair.append(flat)
    return LayerDiff("inputs", _changed(pair[0], pair[1]))


def _outputs(a: Attempt, b: Attempt) -> LayerDiff:
    pair = []
    for one in (a, b):
        found: dict[str, str] = {"": one.state} if one.state != "ok" else {}
        for output in one.result.outputs if one.result else ():
            name = output.dataset_type or (output.file.uri or "").rpartition("/")[2]
            if not name.endswith(("_metadata", "_log")):
                found[name] = output.file.digest or "digest unknown"
        pair.append(found)
    return LayerDiff("outputs", _changed(pair[0], pair[1]))


def document_changes(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[Change]:
    """Return how two documents of one kind differ."""
    return list(_changes(a, b))


def _changes(a: Mapping[str, Any], b: Mapping[str, Any]) -> Iterator[Change]:
    yield from _changed(dict(_flat("", a)), dict(_flat("", b)))


def _changed(a: Mapping[str, str], b: Mapping[str, str]) -> list[Change]:
    names = sorted({*a, *b})
    return [Change(n, a.get(n, _NOTHING), b.get(n, _NOTHING)) for n in names if a.get(n) != b.get(n)]


def _flat(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """Yield the leaves of a document with names that people know; what is one of many goes by its own name."""
    if isinstance(value, Mapping):
        if value.keys() >= {"mediaType", "digest", "size"}:
            yield name, str(value["digest"])
            return
        for key, item in value.items():
            if key not in ("mediaType", *(_KEYS if name else ())):
                yield from _flat(f"{name}.{key}" if name and key else name or key, item)
    elif isinstance(value, list | tuple):
        yield from _flat_items(name, value)
    else:
        yield name, str(value)


def _flat_items(name: str, items: Sequence[Any]) -> Iterator[tuple[str, str]]:
    if all(isinstance(item, str) for item in items):
        if name.endswith("argv"):
            yield name, " ".join(items)
        else:
            yield from ((item, "yes") for item in items)
        return
    for number, item in enumerate(items):
        key = next((str(item[key]) for key in _KEYS if key in item), None) if isinstance(item, Mapping) else None
        yield from _flat(key or f"{name}[{number}]", item)
