# SPDX-License-Identifier: Apache-2.0
"""The files of the code that no distribution covers."""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from envcap.model.components import Source
from envcap.model.descriptor import describe_bytes

from ...build.code import code_path
from ...errors import ReplayRefusedError
from ...fidelity import Fidelity
from ...jobs.base import CapturedJob
from ...layers import manifest_layer
from ..draft import Draft
from .base import NOTHING, Change, ChangeKind

__all__ = ("CodeTree", "SourceChanges", "code_trees")

_LAYER = "source"
_MEDIA_TYPE = "application/octet-stream"
_LEFT_BEHIND = ("__pycache__", ".git")


@dataclass(frozen=True)
class CodeTree:
    """One code root, put back.

    Attributes
    ----------
    name : `str`
    files : mapping
        The bytes of each, by its path from the root.
    root : mapping
        As the component has it.
    place : mapping
        Where it stood.
    """

    name: str
    files: Mapping[str, bytes]
    root: Mapping[str, Any]
    place: Mapping[str, Any]


def code_trees(job: CapturedJob) -> list[CodeTree]:
    """Return the code roots of a job, in order.

    Raises
    ------
    EnvcapError
        If one of them can't be put back, or nobody vouches for the job: git is run in the work tree that it names.
    """
    if job.source is None:
        return []
    layer = manifest_layer(job, job.trusted)
    if layer.fidelity is Fidelity.IMPOSSIBLE:
        raise ReplayRefusedError(f"the code of {job.manifest.attempt} is not looked at: {layer.detail}")
    places = job.place(_LAYER, "roots")
    known = list(places) if isinstance(places, list | tuple) else []
    with tempfile.TemporaryDirectory(prefix="envcap-code-") as folder:
        paths = code_path(job, "captured", folder)
        known += [{}] * (len(paths) - len(known))
        return [
            CodeTree(name, dict(_files(path)), dict(root.data), place if isinstance(place, Mapping) else {})
            for name, root, path, place in zip(
                _names(one.name for one in job.source.roots), job.source.roots, paths, known, strict=True
            )
        ]


def _names(names: Iterable[str]) -> list[str]:
    """Return a name of its own for each root; the second of one name is ``name#2``."""
    seen: Counter[str] = Counter()
    found = []
    for name in names:
        seen[name] += 1
        found.append(name if seen[name] == 1 else f"{name}#{seen[name]}")
    return found


def _by_name(draft: Draft) -> dict[str, int]:
    """Return where the roots of a draft are, by their own names."""
    names = _names(root["name"] for root in draft.software[_LAYER]["roots"])
    return {name: number for number, name in enumerate(names)}


def _files(top: str) -> Iterator[tuple[str, bytes]]:
    for folder, folders, names in os.walk(top):
        folders[:] = sorted(name for name in folders if name not in _LEFT_BEHIND)
        for name in sorted(names):
            path = os.path.join(folder, name)
            if os.path.isfile(path) and not os.path.islink(path):
                with open(path, "rb") as stream:
                    yield os.path.relpath(path, top), stream.read()


class SourceChanges(ChangeKind):
    """One change for each file of a root that both have; one for each root that only one has."""

    layer = _LAYER

    def changes(self, a: CapturedJob, b: CapturedJob) -> Iterator[Change]:
        """Yield the files and roots that differ."""
        if a.source == b.source:
            return
        before, after = ({tree.name: tree for tree in code_trees(one)} for one in (a, b))
        for number, (name, tree) in enumerate(after.items()):
            if name not in before:
                yield _RootAdded(number, tree)
                continue
            for path in sorted({*before[name].files, *tree.files}):
                pair = before[name].files.get(path), tree.files.get(path)
                if pair[0] != pair[1]:
                    yield _FileChange(before[name], path, pair[0], pair[1])
        common = [name for name in before if name in after]
        if common != [name for name in after if name in before]:
            yield _RootOrder(list(before), list(after))
        for name in before:
            if name not in after:
                yield _RootRemoved(_LAYER, name, "there", NOTHING)


class _FileChange(Change):
    def __init__(self, tree: CodeTree, path: str, before: bytes | None, after: bytes | None) -> None:
        told = (NOTHING if data is None else describe_bytes(_MEDIA_TYPE, data).digest[7:19] for data in (before, after))
        super().__init__(_LAYER, f"{tree.name}/{path}", *told)
        self._tree = tree
        self._path = path
        self.contents = before, after

    def apply(self, draft: Draft) -> None:
        root = draft.software[_LAYER]["roots"][_by_name(draft)[self._tree.name]]
        if root.get("commit") is not None or root["files"] == self._tree.root["files"]:
            _make_plain(root, self._tree, draft)
        data = self.contents[1]
        if data is None:
            root["files"].pop(self._path, None)
        else:
            root["files"][self._path] = _kept(data, draft)


def _make_plain(root: dict[str, Any], tree: CodeTree, draft: Draft) -> None:
    """Have a root consist of nothing but files: half of one commit and half of another is none."""
    for member in ("commit", "patch", "subdir"):
        root.pop(member, None)
    root["files"] = {path: _kept(data, draft) for path, data in tree.files.items()}


def _kept(data: bytes, draft: Draft) -> dict[str, Any]:
    descriptor = describe_bytes(_MEDIA_TYPE, data)
    draft.blobs[descriptor.digest] = data
    return dict(descriptor.data)


class _RootAdded(Change):
    def __init__(self, number: int, tree: CodeTree) -> None:
        super().__init__(_LAYER, tree.name, NOTHING, "there")
        self._number = number
        self._tree = tree

    def apply(self, draft: Draft) -> None:
        component = draft.software.setdefault(_LAYER, {"mediaType": Source.media_type, "roots": []})
        draft.outcomes[_LAYER] = {"status": "captured"}
        component["roots"].insert(self._number, dict(self._tree.root))
        places = draft.places.setdefault(_LAYER, {}).setdefault("roots", [])
        places.insert(self._number, dict(self._tree.place))


class _RootRemoved(Change):
    def apply(self, draft: Draft) -> None:
        roots = draft.software[_LAYER]["roots"]
        number = _by_name(draft)[self.name]
        del roots[number]
        places = draft.places.get(_LAYER, {}).get("roots", [])
        if number < len(places):
            del places[number]


class _RootOrder(Change):
    """The roots are searched in another order: of two modules of one name, the other is found."""

    def __init__(self, before: Sequence[str], after: Sequence[str]) -> None:
        super().__init__(_LAYER, "order of roots", ", ".join(before), ", ".join(after))
        self._order = after

    def apply(self, draft: Draft) -> None:
        there = _by_name(draft)
        order = [
            there[name] for name in (*self._order, *(one for one in there if one not in self._order)) if name in there
        ]
        roots = draft.software[_LAYER]["roots"]
        draft.software[_LAYER]["roots"] = [roots[number] for number in order]
        places = draft.places.get(_LAYER, {}).get("roots", [])
        if len(places) == len(roots):
            draft.places[_LAYER]["roots"] = [places[number] for number in order]
