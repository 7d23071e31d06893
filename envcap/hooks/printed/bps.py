# SPDX-License-Identifier: Apache-2.0
"""For Rubin's Batch Processing Service: a configuration to include, and adding it to a submit file."""

from __future__ import annotations

import json
import os
import shutil
import textwrap
from collections.abc import Iterator

from ...errors import HookError
from .base import PrintedHook
from .bps_includes import INCLUDE, included, names_of
from .bps_settings import Keys, Settings
from .yaml_text import YamlText

__all__ = ("BpsHook",)

_HEAD = "# Has every job of a workflow captured. 'envcap hook bps --apply FILE' writes it anew, beside FILE.\n"
_WIDTH = 100


class BpsHook(PrintedHook):
    """The wrapper in both ``runQuantumCommand`` s, a provenance graph, and a closing `envcap ingest`."""

    system = "bps"

    def text(self, store: str | None) -> str:
        """Return the configuration that wraps BPS's own commands."""
        return _rendered(Settings({}, {}, store))

    def apply(self, path: str, store: str | None) -> list[str]:
        """Write the configuration beside a submit file, and have that include it."""
        path = os.path.abspath(path)
        folder, name = os.path.split(path)
        beside = f"{os.path.splitext(name)[0]}.envcap.yaml"
        submit = YamlText(path)
        settings = Settings(submit.data, included(submit.data, folder, beside), store)
        for keys, text in settings.before.items():
            submit.put_before(keys, text)
        for keys in settings.placeholders:
            submit.put_first(keys, "jobName")
        if beside not in names_of(submit.data):
            submit.put_last(INCLUDE, beside)
        edited = submit.edited()
        done = [
            *_written(os.path.join(folder, beside), _rendered(settings)),
            *_written(os.path.realpath(path), edited, theirs=True),  # which a link stays
        ]
        return [*(done or [f"{path}: nothing to add"]), *(f"{path}: {note}" for note in settings.notes)]


def _rendered(settings: Settings) -> str:
    """Return settings as YAML, keys that share a mapping together."""
    return _HEAD + "".join(_lines(settings.values, 0))


def _lines(values: dict[Keys, str | list[str]], depth: int) -> Iterator[str]:
    indent = "  " * depth
    for first in dict.fromkeys(keys[0] for keys in values):
        below = {keys[1:]: value for keys, value in values.items() if keys[0] == first}
        if () not in below:
            yield f"{indent}{_key(first)}:\n"
            yield from _lines(below, depth + 1)
        elif isinstance(value := below[()], list):
            yield f"{indent}{_key(first)}: [{', '.join(map(json.dumps, value))}]\n"
        else:
            yield f"{indent}{_key(first)}: {_scalar(value, indent)}\n"


def _key(name: str) -> str:
    return name if name.isidentifier() else json.dumps(name)


def _scalar(text: str, indent: str) -> str:
    """Return a text, folded if it is long; what folding would change is quoted."""
    if len(text) < _WIDTH or " ".join(text.split()) != text:
        return json.dumps(text)
    folded = textwrap.wrap(text, _WIDTH, break_long_words=False, break_on_hyphens=False)
    return "\n".join((">-", *(f"{indent}  {line}" for line in folded)))


def _written(path: str, text: str, *, theirs: bool = False) -> list[str]:
    """Write a file unless it says so already, in one step; return what was done."""
    if os.path.exists(path):
        with open(path, encoding="utf-8", newline="") as stream:
            found = stream.read()
        if found == text:
            return []
        if not theirs and not found.startswith(_HEAD):
            raise HookError(f"{path}: is in the way, and not written by 'envcap hook'; rename it")
    unfinished = f"{path}.{os.getpid()}"
    with open(unfinished, "x", encoding="utf-8", newline="") as stream:
        stream.write(text)
    try:
        if theirs:
            shutil.copymode(path, unfinished)
        os.replace(unfinished, path)
    except OSError:
        os.unlink(unfinished)
        raise
    return [f"{path}: {'edited' if theirs else 'written'}"]
