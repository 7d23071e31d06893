# SPDX-License-Identifier: Apache-2.0
"""A YAML file of a user's, edited by insertions alone: comments, order and spelling of all else stay as they are.

Where to insert is told by PyYAML, which comes with Rubin's middleware. The edited text is read again and held against
what it should say, so that no form of YAML that wasn't thought of can spoil a file.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...errors import HookError, UsageError

if TYPE_CHECKING:
    from typing import Any

    from yaml.nodes import Node

__all__ = ("YamlText", "read_mapping")

_MAX_SIZE = 1 << 24


def _text(path: str) -> str:
    if os.path.getsize(path) > _MAX_SIZE:
        raise HookError(f"{path}: too large for a configuration")
    with open(path, encoding="utf-8", newline="") as stream:
        try:
            return stream.read()
        except UnicodeDecodeError as err:
            raise HookError(f"{path}: no UTF-8 text: {err.reason} at byte {err.start}") from err


def _parse(text: str, name: str) -> tuple[dict[str, Any], Node | None]:
    """Return what a text says and its tree, `None` for an empty one."""
    try:
        import yaml
    except ImportError as err:
        raise UsageError(f"{name} is read by PyYAML: pip install 'envcap[rubin]' ({err})") from err
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        data = _without_aliases(yaml.safe_load(text))
    except (yaml.YAMLError, ValueError, RecursionError) as err:
        said = " ".join(str(err).split())
        raise HookError(f"{name}: can't be read as YAML: {said}") from err
    if data is not None and not isinstance(data, dict):
        raise HookError(f"{name}: expected a mapping of settings, found {type(data).__name__}")
    return data or {}, root


def _without_aliases(data: Any) -> Any:
    """Return data in which nothing is in two places: an edit of one place must not count for another."""
    if isinstance(data, dict):
        return {key: _without_aliases(value) for key, value in data.items()}
    return [_without_aliases(value) for value in data] if isinstance(data, list) else data


def read_mapping(path: str) -> dict[str, Any]:
    """Return what a YAML file says.

    Raises
    ------
    HookError
        If it is no YAML, or no mapping.
    UsageError
        If PyYAML isn't installed.
    """
    return _parse(_text(path), path)[0]


class YamlText:
    """A YAML file with the insertions that were asked for. What raises is as in `read_mapping`.

    Attributes
    ----------
    path : `str`
    data : `dict`
        What it says as it stands.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._text = _text(path)
        self.data, self._root = _parse(self._text, path)
        self._expected = copy.deepcopy(self.data)
        self._insertions: list[tuple[int, str]] = []
        self._newline = "\r\n" if "\r\n" in self._text else "\n"

    def put_before(self, keys: Sequence[str], words: str) -> None:
        """Let a text begin with some words more."""
        node = self._node(keys)
        where = node.start_mark.index
        owner, key = self._owner(keys), keys[-1]
        says, blank = owner[key], 0
        style = getattr(node, "style", None)
        if style in ("'", '"'):
            where += 1
        elif style in ("|", ">"):  # its text begins on one of the next lines
            where = self._text.index("\n", where) + 1
            where += len(self._text[where:]) - len(self._text[where:].lstrip())
            blank = len(says) - len(says.lstrip())
        self._insertions.append((where, words))
        owner[key] = says[:blank] + words + says[blank:]

    def put_first(self, keys: Sequence[str], item: str) -> None:
        """Let a list begin with one item more."""
        node = self._node(keys)
        where = node.start_mark.index
        if node.flow_style:  # type: ignore[attr-defined]
            self._insertions.append((where + 1, f"{item}, "))
        else:
            self._insertions.append((where, f"- {item}{self._newline}{' ' * node.start_mark.column}"))
        self._owner(keys)[keys[-1]].insert(0, item)

    def put_last(self, key: str, item: str) -> None:
        """Let what stands under a key of the outermost mapping, nothing, one text or a list, end with one item more."""
        found = self._expected.get(key)
        if found is None:
            begin = self._root.start_mark.index if self._root is not None else len(self._text)
            self._insertions.append((begin, f"{key}: {item}{self._newline}"))
            self._expected[key] = item
            return
        node = self._node([key])
        end = node.end_mark.index
        if not isinstance(found, list):
            self._insertions += [(node.start_mark.index, "["), (end, f", {item}]")]
            self._expected[key] = [found, item]
            return
        if node.flow_style:  # type: ignore[attr-defined]
            self._insertions.append((end - 1, f", {item}"))
        else:
            last = node.value[-1]
            line = self._text.find("\n", last.end_mark.index) + 1 or len(self._text)
            lead = "" if self._text[:line].endswith("\n") else self._newline
            self._insertions.append((line, f"{lead}{' ' * node.start_mark.column}- {item}{self._newline}"))
        found.append(item)

    def edited(self) -> str:
        """Return the text with all insertions.

        Raises
        ------
        HookError
            If it would not say what it should.
        """
        text = self._text
        for where, words in sorted(self._insertions, reverse=True):
            text = text[:where] + words + text[where:]
        try:
            says = _parse(text, self.path)[0]
        except HookError:
            says = None
        if says != self._expected:
            raise HookError(f"{self.path}: is written in a way that can't be edited safely; paste 'envcap hook bps'")
        return text

    def _node(self, keys: Sequence[str]) -> Node:
        node = self._root
        for key in keys:
            # Of a key that is given twice, YAML takes the last.
            node = [value for name, value in node.value if name.value == key][-1]  # type: ignore[union-attr]
        assert node is not None
        return node

    def _owner(self, keys: Sequence[str]) -> Any:
        owner: Any = self._expected
        for key in keys[:-1]:
            owner = owner[key]
        return owner
