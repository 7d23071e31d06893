# SPDX-License-Identifier: Apache-2.0
"""JSON and YAML documents, compared by what they say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar

import yaml

from .base import Comparator, reading
from .difference import Difference
from .tree import Tagged, compare_documents

__all__ = ("JsonComparator", "YamlComparator", "load_yaml")


class JsonComparator(Comparator):
    """Compares JSON documents by value."""

    name: ClassVar[str] = "json"
    description: ClassVar[str] = "JSON: values by path, whatever the layout and the order of keys"

    def _compare(self, original: Path, remade: Path) -> tuple[Difference, ...]:
        return compare_documents(_read_json(original), _read_json(remade))


class YamlComparator(Comparator):
    """Compares YAML documents by value; tags are compared as text and nothing is constructed from them."""

    name: ClassVar[str] = "yaml"
    description: ClassVar[str] = "YAML: values by path, whatever the layout and the order of keys"

    def _compare(self, original: Path, remade: Path) -> tuple[Difference, ...]:
        documents = []
        for path in (original, remade):
            with reading(path):
                documents.append(load_yaml(path.read_text(encoding="utf-8")))
        if all(len(one) == 1 for one in documents):
            return compare_documents(documents[0][0], documents[1][0])
        return compare_documents(*documents)


def load_yaml(text: str) -> list[Any]:
    """Read every document of a YAML text without acting on any tag.

    Parameters
    ----------
    text : `str`
        The text.

    Returns
    -------
    documents : `list`
        Plain data; a value with an application's tag is a `~replay.comparators.tree.Tagged`.

    Raises
    ------
    yaml.YAMLError
        Raised if the text is not YAML.
    """
    return list(yaml.load_all(text, Loader=_InertLoader))


class _InertLoader(yaml.SafeLoader):
    """The safe loader, except that unknown tags are kept in place of being refused."""


def _keep_tag(loader: _InertLoader, tag: str, node: yaml.Node) -> Tagged:
    value: Any
    if isinstance(node, yaml.MappingNode):
        value = loader.construct_mapping(node, deep=True)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = node.value
    return Tagged(tag, value)


_InertLoader.add_multi_constructor("", _keep_tag)


def _read_json(path: Path) -> Any:
    with reading(path):
        return json.loads(path.read_text(encoding="utf-8-sig"), object_pairs_hook=_unique)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Build an object, refusing a repeated key: readers disagree on which of its values counts."""
    built = dict(pairs)
    if len(built) != len(pairs):
        repeated = next(key for i, (key, _) in enumerate(pairs) if key in dict(pairs[:i]))
        raise ValueError(f"key {repeated!r} is repeated in one object")
    return built
