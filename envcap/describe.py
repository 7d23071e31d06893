# SPDX-License-Identifier: Apache-2.0
"""An attempt in sections that people read; terminals and notebooks show the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from .collectors.container_signs import HIGH
from .collectors.control_groups import UNLIMITED
from .collectors.numerics_probe import LIBM
from .errors import EnvcapError, FormatError
from .model.components import COMPONENTS, Command, PythonBlock, RubinQuantum
from .model.descriptor import Descriptor
from .model.document import parse_json
from .model.manifest import Manifest
from .model.result import Result
from .store.base import ObjectStore
from .store.index import Attempt

__all__ = ("Rows", "component", "sections", "summary")

Rows = list[tuple[str, str]]
_MANY = 6
_WORDS = str.maketrans("._", "  ")


def sections(attempt: Attempt, store: ObjectStore | None = None) -> Iterator[tuple[str, Rows]]:
    """Yield the sections, each a title with names and values.

    Parameters
    ----------
    attempt : `Attempt`
    store : `ObjectStore`, optional
        Where its components are; without it, they are shown by digest.
    """
    manifest = attempt.manifest
    yield (
        f"{manifest.job.kind} {manifest.job.name}",
        [
            ("state", attempt.state + _flags(attempt)),
            ("attempt", manifest.attempt),
            ("job id", manifest.job_id),
            *((name.translate(_WORDS), value) for name, value in (manifest.job.scheduler or {}).items()),
            ("started", manifest.started),
            ("recipe", manifest.recipe.digest),
            *(
                (f"{kind} {name}", value)
                for kind, found in (manifest.instances or {}).items()
                for name, value in found.items()
            ),
            *_work(attempt.recipe.task),
        ],
    )
    if isinstance(attempt.recipe.task, PythonBlock) and attempt.recipe.task.code is not None and store is not None:
        yield "code", [("", _source_text(store, attempt.recipe.task.code))]
    software = [kind for kind in manifest.outcomes if kind not in manifest.host]
    yield "software", [(kind, _outcome(attempt, kind, store)) for kind in sorted(software)]
    yield "host", [(kind, _outcome(attempt, kind, store)) for kind in sorted(manifest.host)]
    if attempt.result is not None:
        yield "result", _result(attempt.result, store)
    scrubbed = {**(manifest.scrubbed or {}), **((attempt.result.scrubbed if attempt.result else None) or {})}
    if scrubbed:
        yield "secrets that were taken out", list(scrubbed.items())


def component(store: ObjectStore, descriptor: Descriptor) -> Mapping[str, Any]:
    """Return a component's document.

    Raises
    ------
    EnvcapError
        If it is missing, corrupt or no such document.
    """
    found = parse_json(store.get(descriptor.digest))
    if not isinstance(found, Mapping) or found.get("mediaType") != descriptor.mediaType:
        raise FormatError(f"{descriptor.digest}: it is no {descriptor.mediaType}")
    cls = COMPONENTS.get(descriptor.mediaType)
    return cls.checked(found).data if cls else found


def _flags(attempt: Attempt) -> str:
    unstable = attempt.result is not None and attempt.result.unstable
    return (" (degraded)" if attempt.degraded else "") + (" (unstable)" if unstable else "")


def _instances(manifest: Manifest) -> Iterator[tuple[str, str]]:
    for kind, found in (manifest.instances or {}).items():
        yield from ((f"{kind} {name}", value) for name, value in found.items())


def _work(task: RubinQuantum | Command | PythonBlock) -> Iterator[tuple[str, str]]:
    if isinstance(task, RubinQuantum):
        yield "task", task.task_class
        yield "data ID", ", ".join(f"{name}: {value}" for name, value in task.data_id.items())
        for name, uuids in (*task.init_inputs.items(), *task.inputs.items()):
            yield f"input {name}", f"{len(uuids)}: " + ", ".join(uuids[:3]) + (" …" if len(uuids) > 3 else "")
        return
    if isinstance(task, Command):
        yield "command", " ".join(task.argv)
    else:
        yield from ((f"parameter {name}", value) for name, value in task.parameters.items())
        yield from (("parameter", f"{told} (its value is not recorded)") for told in task.opaque)
        if task.code_left_out is not None:
            yield "code", task.code_left_out
    yield from ((f"config {name}", found.digest) for name, found in task.config.items())
    yield from ((f"input {name}", digest) for name, digest in task.inputs.items())


def _outcome(attempt: Attempt, kind: str, store: ObjectStore | None) -> str:
    outcome = attempt.manifest.outcomes[kind]
    found = attempt.recipe.software.get(kind) or attempt.manifest.host.get(kind)
    if outcome.status != "captured" or found is None:
        return f"{outcome.status}: {outcome.reason}" if outcome.reason else outcome.status
    return _described(kind, found, store)


def _source_text(store: ObjectStore, found: Descriptor) -> str:
    try:
        return store.get(found.digest).decode("utf-8", "replace").rstrip("\n")
    except EnvcapError as err:
        return str(err)


def _described(kind: str, found: Descriptor, store: ObjectStore | None) -> str:
    if store is None:
        return found.digest
    try:
        return f"{found.digest[:19]}…  {summary(kind, component(store, found))}"
    except EnvcapError as err:
        return str(err)


def summary(kind: str, data: Mapping[str, Any]) -> str:
    """Return one line that tells what a component says."""
    told = _SUMMARIES.get(kind)
    media_type = f"application/vnd.envcap.{kind.replace('_', '-')}.v1+json"
    # Only a document that was checked can be relied on.
    return told(data) if told and media_type in COMPONENTS and data.get("mediaType") == media_type else ""


def _some(names: list[str]) -> str:
    return ", ".join(names[:_MANY]) + (f" and {len(names) - _MANY} more" if len(names) > _MANY else "")


def _source(data: Mapping[str, Any]) -> str:
    def root(one: Mapping[str, Any]) -> str:
        commit = f"commit {one['commit'][:10]}" if one.get("commit") else f"{len(one['files'])} files"
        return f"{one['name']}: {commit}{' + patch' if one.get('patch') else ''}"

    return "; ".join(map(root, data["roots"]))


def _eups(data: Mapping[str, Any]) -> str:
    local = [one["name"] for one in data["products"] if one.get("local")]
    return f"{len(data['products'])} products" + (f"; from directories: {_some(local)}" if local else "")


def _variables(data: Mapping[str, Any]) -> str:
    return _some([f"{name}={value}" for name, value in sorted(data["variables"].items())]) or "none set"


def _numerics(data: Mapping[str, Any]) -> str:
    def process(one: Mapping[str, Any]) -> str:
        libraries = [
            " ".join(filter(None, (lib["kind"], lib.get("kernel"), _threads(lib)))) for lib in one["libraries"]
        ]
        # In the order of the alphabet, which isn't that of their width: no one of them stands for the others.
        return ", ".join([*libraries, f"SIMD {' '.join(one['simd'])}"] if one["simd"] else libraries)

    return "; ".join(map(process, data["processes"]))


def _threads(library: Mapping[str, Any]) -> str | None:
    return None if library["kind"] == LIBM else f"threads {library.get('threads', '?')}"


def _libraries(data: Mapping[str, Any]) -> str:
    strange = [one["path"] for one in data["libraries"] if not one.get("owner")]
    # A Python that was built by hand brings dozens of its own, among which another one would not stand out.
    own = [path for path in strange if path.startswith(("{prefix}/", "{base_prefix}/"))]
    named = [path for path in strange if path not in own] + ([f"{len(own)} of this Python's own"] if own else [])
    return f"{len(data['libraries'])} libraries" + (f"; no package brought {_some(named)}" if named else "")


def _installed(data: Mapping[str, Any]) -> str:
    found = [(word, list(data[word])) for word in ("modified", "missing", "stray") if data[word]]
    told = "; ".join(f"{word}: {_some(names)}" for word, names in found)
    return f"{data['files']} files by {data['method']}: {told or 'as they were installed'}"


def _hardware(data: Mapping[str, Any]) -> str:
    gpus = [one["name"] for one in data.get("gpus") or ()]
    told = f"{data.get('cpu_model') or 'unknown processor'}, {data['logical_cpus']} CPUs, Linux {data['kernel']}"
    return f"{told}, {_some(gpus)}" if gpus else told


def _details(data: Mapping[str, Any]) -> str:
    names = [(data.get("cpu") or {}).get("brand"), (data.get("distribution") or {}).get("name")]
    told = _some([name for name in [*names, *(one["name"] for one in data.get("gpus") or ())] if name])
    return "; ".join(filter(None, [told, *(f"{name}: {why}" for name, why in data["failed"].items())]))


def _allotment(data: Mapping[str, Any]) -> str:
    limits = [f"{name} {value}" for name, value in sorted(data["groups"].items()) if value != UNLIMITED]
    return ", ".join([f"{data['cpus']} CPUs ({data['affinity']})", *limits])


def _container(data: Mapping[str, Any]) -> str:
    mounted = [one["source"] for one in data["hints"] if one["claim"] == "image" and one["confidence"] == HIGH]
    return str(data.get("runtime") or _some(mounted) or "unknown runtime")


def _artifacts(data: Mapping[str, Any]) -> str:
    unproved = [one["name"] for one in data["artifacts"] if one["origin"] == "unproved"]
    proved = sum(one["origin"] == "index" for one in data["artifacts"])
    told = f"{proved} of {len(data['artifacts'])} distributions proved to be from an index"
    return f"{told}; unproved: {_some(unproved)}" if unproved else told


_SUMMARIES: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "interpreter": lambda d: f"{d['implementation']} {d['version']}",
    "python_dists": lambda d: f"{len(d['distributions'])} distributions",
    "conda": lambda d: f"{len(d['packages'])} packages",
    "eups": _eups,
    "source": _source,
    "process_env": _variables,
    "numerics": _variables,
    "operating_system": lambda d: f"{' '.join(d['distribution'].values())}, {d['libc']}, {d['machine']}",
    "os_packages": lambda d: f"{len(d['packages'])} packages of {d['manager']}",
    "hardware": _hardware,
    "allotment": _allotment,
    "node_details": _details,
    "container": _container,
    "loaded_libraries": _libraries,
    "imported_modules": lambda d: f"packages: {len(d['owners'])}, modules of no package: {len(d['code'])}",
    "installed_files": _installed,
    "python_artifacts": _artifacts,
    "effective_numerics": _numerics,
}


def _result(result: Result, store: ObjectStore | None) -> Rows:
    used = sum(entry.used for entry in result.inputs)
    available = sum(entry.available for entry in result.inputs)
    rows: Rows = [("error", result.error)] if result.error else []
    rows += [("ended", result.ended)]
    if result.exit is not None:
        rows.append(("exit status", str(result.exit)))
    rows.append(("inputs", f"{len(result.inputs)} predicted, {available} available, {used} used"))
    rows += [(f"output {o.dataset_type or ''}".rstrip(), f"{o.file.uri} {o.file.digest or ''}") for o in result.outputs]
    rows += [("missing output", name) for name in result.missing or ()]
    rows += [(kind, _described(kind, found, store)) for kind, found in (result.observed or {}).items()]
    rows += [(kind, f"{o.status}: {o.reason}") for kind, o in (result.outcomes or {}).items() if o.reason]
    rows += list(result.resources.items())
    rows += [(f"metric {name}", value) for name, value in (result.metrics or {}).items()]
    rows += [
        (f"unstable {kind}", f"changed while the job ran: {what}") for kind, what in (result.unstable or {}).items()
    ]
    rows += [(f"degraded {what}", why) for what, why in (result.degraded or {}).items()]
    return rows
