# SPDX-License-Identifier: Apache-2.0
"""Properties that every document has, whatever is in it: strategies come from the classes themselves."""

from __future__ import annotations

import json
from typing import Any

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from envcap.digest import MAX_INTEGER, canonical_json, digest_of
from envcap.errors import FormatError
from envcap.model.document import Document, Field, parse_json
from envcap.model.manifest import Manifest, Outcome
from envcap.model.schema import document_classes
from tests.envcap.model.strategies import JSON, TEXTS, documents, parts

CLASSES = pytest.mark.parametrize(
    "cls", [*document_classes(), *parts(document_classes())], ids=lambda cls: cls.__name__
)
FAST = settings(deadline=None, database=None, max_examples=15)


class TestReading:
    """What was written is read, and stays what it was."""

    @FAST
    @given(data=st.data())
    @CLASSES
    def test_reading_and_writing_gives_the_same_bytes(self, cls: type[Document], data: st.DataObject) -> None:
        written = canonical_json(data.draw(documents(cls)))
        read = cls.from_bytes(written)
        assert read.to_bytes() == written
        assert cls.from_bytes(read.to_bytes()) == read

    @FAST
    @given(data=st.data())
    @CLASSES
    def test_what_a_newer_writer_added_survives_at_every_level(self, cls: type[Document], data: st.DataObject) -> None:
        document = data.draw(documents(cls))
        name = data.draw(TEXTS.filter(lambda name: name not in cls.members and name != "mediaType"))
        newer = {**document, name: data.draw(JSON)}
        read = cls.from_bytes(canonical_json(newer))
        assert read.data == newer
        for member, value in newer.items():
            if member in cls.members:
                assert json.loads(canonical_json(_plain(getattr(read, member)))) == value

    @FAST
    @given(data=st.data())
    @CLASSES
    def test_a_changed_member_is_another_digest(self, cls: type[Document], data: st.DataObject) -> None:
        before = data.draw(documents(cls))
        after = data.draw(documents(cls))
        same = digest_of(cls.checked(before).to_bytes()) == digest_of(cls.checked(after).to_bytes())
        assert same == (before == after)

    @FAST
    @given(data=st.data())
    @CLASSES
    def test_the_canonical_form_is_that_of_the_reference(self, cls: type[Document], data: st.DataObject) -> None:
        document = data.draw(documents(cls))
        assert cls.checked(document).to_bytes() == rfc8785.dumps(document)


def _plain(value: Any) -> Any:
    """Return the JSON of what a member was read as."""
    if isinstance(value, Document):
        return value.data
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value


class TestMaking:
    """What was made is what would be read."""

    @FAST
    @given(data=st.data())
    @CLASSES
    def test_made_from_its_members_it_is_what_is_read(self, cls: type[Document], data: st.DataObject) -> None:
        document = data.draw(documents(cls, unknown=False))
        read = cls.checked(document)
        made = cls(**{name: getattr(read, name) for name in cls.members})
        assert made.to_bytes() == read.to_bytes() == canonical_json(document)

    @FAST
    @given(data=st.data())
    @CLASSES
    def test_made_of_any_bytes_that_a_system_has_it_can_be_written(
        self, cls: type[Document], data: st.DataObject
    ) -> None:
        document = data.draw(documents(cls, unknown=False))
        odd = st.binary(max_size=6).map(lambda raw: raw.decode("utf-8", "surrogateescape"))
        values = {
            name: data.draw(odd) if field.kind == "string" else document.get(name)
            for name, field in cls.members.items()
        }
        written = cls(**values).to_bytes()
        assert cls.from_bytes(written).to_bytes() == written

    @CLASSES
    def test_a_member_of_another_type_is_not_made(self, cls: type[Document]) -> None:
        wrong: dict[str, tuple[object, ...]] = {
            "string": (3, True, [], {}, ["a"], Outcome(status="x")),
            "integer": ("3", True, [], {}, Outcome(status="x")),
            "boolean": (1, "true", [], {}, Outcome(status="x")),
            "array": ("a", 3, {}, {"a": "b"}, Outcome(status="x")),
            "object": ("a", 3, [], ["a"]),
        }
        right = {"string": "a", "integer": 3, "boolean": True, "array": [], "object": {}}
        values = {name: _right(field, right) for name, field in cls.members.items()}
        cls(**values)
        for name, field in cls.members.items():
            for value in wrong[field.kind]:
                with pytest.raises(FormatError, match=name):
                    cls(**{**values, name: value})


def _right(field: Field, right: dict[str, object]) -> object:
    if isinstance(field.of, type):
        return field.of(**{name: _right(member, right) for name, member in field.of.members.items()})
    return right[field.kind]


def _reads(data: bytes) -> tuple[bool, Any]:
    try:
        return True, parse_json(data)
    except FormatError:
        return False, None


NUMBERS = st.one_of(
    st.floats(),
    st.integers(),
    st.sampled_from([2**53 - 1, 2**53, -(2**53), 10**400, -0.0, 1e308]),
    st.integers().map(float),
)
ANYTHING = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, st.text(st.characters()), TEXTS),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(st.characters(), max_size=5), inner)),
    max_leaves=12,
)


class TestParsing:
    """`parse_json` reads what can be written again, and nothing else."""

    @settings(deadline=None, database=None)
    @given(ANYTHING, st.booleans(), st.sampled_from([None, 1, "\t"]))
    def test_it_refuses_or_what_it_reads_can_be_written(self, value: Any, ascii_only: bool, indent: Any) -> None:
        data = json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode("utf-8", "surrogatepass")
        read, found = _reads(data)
        assert read == _is_hashable(value)
        if read:
            assert found == value
            assert parse_json(canonical_json(found)) == found

    @settings(deadline=None, database=None)
    @given(st.one_of(st.binary(), st.text(st.sampled_from('[]{}",:0123456789.eE-+ \\utrfalsn'), max_size=30)))
    def test_bytes_are_refused_or_can_be_written(self, data: bytes | str) -> None:
        read, found = _reads(data.encode() if isinstance(data, str) else data)
        if read:
            assert parse_json(canonical_json(found)) == found

    @settings(deadline=None, database=None)
    @given(documents(Manifest), st.data())
    def test_a_document_with_one_byte_changed_is_refused_or_another(self, document: Any, data: st.DataObject) -> None:
        written = bytearray(canonical_json(document))
        place = data.draw(st.integers(0, len(written) - 1))
        written[place] ^= data.draw(st.integers(1, 255))
        read, found = _reads(bytes(written))
        if read:
            assert found != document
            assert parse_json(canonical_json(found)) == found


def _is_hashable(value: Any) -> bool:
    """Whether the format has a place for a value."""
    if isinstance(value, float):
        return False
    if isinstance(value, int):
        return -MAX_INTEGER <= value <= MAX_INTEGER
    if isinstance(value, str):
        return not any(0xD800 <= ord(character) < 0xE000 for character in value)
    if isinstance(value, dict):
        return all(_is_hashable(part) for pair in value.items() for part in pair)
    return all(map(_is_hashable, value)) if isinstance(value, list) else True
