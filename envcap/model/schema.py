# SPDX-License-Identifier: Apache-2.0
"""JSON Schemas of all documents, made from the classes that declare them; ``make schemas`` writes the shipped ones.

A schema says what a writer of this version writes. Readers keep what they don't know, so every object may have more
members.
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import re

from ..digest import MAX_INTEGER
from .descriptor import Descriptor
from .document import Document, Field

__all__ = ("FOLDER", "all_schemas", "document_classes", "schema_of", "write_schemas")

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeAlias

    Schema: TypeAlias = dict[str, Any]

_HERE = os.path.dirname(os.path.abspath(__file__))
FOLDER = os.path.join(os.path.dirname(_HERE), "schema", "v1")
"""Where the shipped schemas are."""

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_MEDIA_TYPE = re.compile(r"application/vnd\.envcap\.([a-z0-9-]+)\.v1\+json")
_DIGEST = {"type": "string", "pattern": "^sha256:[0-9a-f]{64}$", "maxLength": 71}


def document_classes() -> list[type[Document]]:
    """Return the classes of this package that have a media type: the documents that a store may hold."""
    modules = [importlib.import_module(f"{__package__}.{found.name}") for found in pkgutil.iter_modules([_HERE])]
    classes = {found for module in modules for found in vars(module).values() if isinstance(found, type)}
    documents = [cls for cls in classes if issubclass(cls, Document) and cls.media_type]
    return sorted(documents, key=lambda cls: cls.media_type)


def schema_of(cls: type[Document]) -> Schema:
    """Return the JSON Schema (draft 2020-12) of a document that has a media type."""
    definitions: dict[str, Schema] = {}
    body = _object(cls, definitions)
    schema = {"$schema": _DIALECT, "$id": f"urn:envcap:{cls.media_type}", **body}
    return schema | ({"$defs": dict(sorted(definitions.items()))} if definitions else {})


def all_schemas() -> dict[str, Schema]:
    """Return the schema of every document by file name."""
    return {_file_name(cls.media_type): schema_of(cls) for cls in document_classes()}


def write_schemas(folder: str = FOLDER) -> None:
    """Write the schema of every document, and remove those of documents that are no more."""
    os.makedirs(folder, exist_ok=True)
    schemas = all_schemas()
    for name in os.listdir(folder):
        if name not in schemas:
            os.unlink(os.path.join(folder, name))
    for name, schema in schemas.items():
        with open(os.path.join(folder, name), "w", encoding="utf-8") as stream:
            stream.write(json.dumps(schema, ensure_ascii=False, indent=2) + "\n")


def _file_name(media_type: str) -> str:
    found = _MEDIA_TYPE.fullmatch(media_type)
    assert found, f"{media_type} is of another version; its schema needs a folder of its own"
    return f"{found[1]}.json"


def _object(cls: type[Document], definitions: dict[str, Schema]) -> Schema:
    """Return the schema of a class, and put those of the classes that it is made of into `definitions`."""
    properties: dict[str, Schema] = {"mediaType": {"const": cls.media_type}} if cls.media_type else {}
    for name, field in cls.members.items():
        properties[name] = _DIGEST if cls is Descriptor and name == "digest" else _member(field, definitions)
    required = [name for name in properties if name not in cls.members or not cls.members[name].optional]
    return {
        **_texts(cls),
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": True,
    }


def _texts(cls: type[Document]) -> Schema:
    title, _, rest = (cls.__doc__ or "").partition("\n")
    texts = {"title": title.strip().rstrip("."), "description": re.sub(r"(?<!\n)\n(?!\n)\s*", " ", rest.strip())}
    return {name: text for name, text in texts.items() if text}


def _member(field: Field, definitions: dict[str, Schema]) -> Schema:
    if isinstance(field.of, type):
        name = field.of.__name__
        if name not in definitions:
            definitions[name] = _object(field.of, definitions)
        return {"$ref": f"#/$defs/{name}"}
    if field.kind == "integer":
        return {"type": "integer", "minimum": -MAX_INTEGER, "maximum": MAX_INTEGER}
    if field.kind == "array":
        return {"type": "array", **({"items": _member(field.of, definitions)} if field.of else {})}
    if field.kind == "object":
        return {"type": "object", "additionalProperties": _member(field.of, definitions) if field.of else True}
    return {"type": field.kind}


if __name__ == "__main__":
    write_schemas()
