# SPDX-License-Identifier: Apache-2.0
"""Documents: a typed, immutable view of JSON that nobody vouches for."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envcap.digest import canonical_json, digest_of
from envcap.errors import FormatError
from envcap.model.document import (
    MAX_DEPTH,
    Document,
    array,
    boolean,
    integer,
    mapping,
    nested,
    parse_json,
    string,
)


class Stamp(Document):
    """A document within another; it has no media type of its own."""

    place: str = string()


class Letter(Document, media_type="application/vnd.envcap.letter.v1+json"):
    """One member of every type, required; and one that may be missing."""

    text: str = string()
    pages: int = integer()
    urgent: bool = boolean()
    stamp: Stamp = nested(Stamp)
    words: Sequence[str] = array(string())
    headers: Mapping[str, int] = mapping(integer())
    anything: Mapping[str, object] = mapping()
    reply: str | None = string(default=None)


GOOD: dict[str, object] = {
    "mediaType": Letter.media_type,
    "text": "hello",
    "pages": 2,
    "urgent": False,
    "stamp": {"place": "Vera"},
    "words": ["a", "b"],
    "headers": {"x": 1},
    "anything": {"y": [None, {"z": True}]},
}


def test_reads_what_it_declares() -> None:
    letter = Letter.from_bytes(canonical_json(GOOD))
    assert (letter.text, letter.pages, letter.urgent, letter.reply) == ("hello", 2, False, None)
    assert letter.stamp.place == "Vera"
    assert letter.words == ("a", "b")
    assert letter.headers == {"x": 1}
    assert letter.anything["y"] == [None, {"z": True}]


def test_made_and_read_are_equal_and_hash_alike() -> None:
    made = Letter(
        text="hello", pages=2, urgent=False, stamp=Stamp(place="Vera"), words=("a", "b"), headers={"x": 1},
        anything={"y": [None, {"z": True}]}, reply=None,
    )  # fmt: skip
    read = Letter.from_bytes(made.to_bytes())
    assert made.to_bytes() == canonical_json(GOOD)
    assert (made, hash(made)) == (read, hash(read))
    assert made != Letter.checked({**GOOD, "pages": 3})
    assert Stamp(place="x") != {"place": "x"}
    assert "Vera" in repr(made)


def test_unknown_members_survive_and_the_digest_stays() -> None:
    newer = {**GOOD, "zz_new": {"deep": [1, None]}, "stamp": {"place": "Vera", "colour": "red"}}
    data = canonical_json(newer)
    read = Letter.from_bytes(data)
    assert digest_of(read.to_bytes()) == digest_of(data)
    assert read.data["zz_new"] == {"deep": [1, None]}
    assert read.stamp.data["colour"] == "red"
    assert digest_of(read.to_bytes()) != digest_of(canonical_json(GOOD))


def test_a_made_document_takes_no_unknown_member() -> None:
    with pytest.raises(TypeError, match="Stamp has no member 'colour'"):
        Stamp(place="Vera", colour="red")  # type: ignore[call-arg]


@pytest.mark.parametrize("name", [name for name in GOOD if name != "mediaType"])
def test_a_missing_member_is_named(name: str) -> None:
    for broken in ({k: v for k, v in GOOD.items() if k != name}, {**GOOD, name: None}):
        with pytest.raises(FormatError, match=rf"\$\.{name}: missing"):
            Letter.from_bytes(canonical_json(broken))


@pytest.mark.parametrize(
    ("members", "complaint"),
    [
        ({"text": 1}, "$.text: expected a string, found int"),
        ({"pages": "2"}, "$.pages: expected an integer, found str"),
        ({"pages": True}, "$.pages: expected an integer, found bool"),
        ({"urgent": 0}, "$.urgent: expected true or false, found int"),
        ({"stamp": "Vera"}, "$.stamp: expected an object, found str"),
        ({"stamp": {}}, "$.stamp.place: missing"),
        ({"stamp": {"place": []}}, "$.stamp.place: expected a string, found list"),
        ({"words": "ab"}, "$.words: expected a list, found str"),
        ({"words": ["a", 2]}, "$.words[1]: expected a string, found int"),
        ({"headers": []}, "$.headers: expected an object, found list"),
        ({"headers": {"x": None}}, "$.headers.x: expected an integer, found NoneType"),
        ({"anything": 5}, "$.anything: expected an object, found int"),
        ({"reply": 5}, "$.reply: expected a string, found int"),
        ({"mediaType": "text/plain"}, f"$: expected {Letter.media_type}, found 'text/plain'"),
        ({"mediaType": None}, f"$: expected {Letter.media_type}, found None"),
    ],
)
def test_a_member_of_another_type_is_named(members: dict[str, object], complaint: str) -> None:
    with pytest.raises(FormatError) as caught:
        Letter.from_bytes(canonical_json({**GOOD, **members}))
    assert str(caught.value) == complaint


def test_a_made_document_is_checked_too() -> None:
    with pytest.raises(FormatError, match=r"Stamp\.place: missing"):
        Stamp()  # type: ignore[call-arg]
    with pytest.raises(FormatError, match=r"Stamp\.place: expected a string, found int"):
        Stamp(place=3)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"nonsense",
        b'{"a": 1} {"a": 1}',
        b'{"a": 1, "a": 1}',
        b'{"a": {"b": 1, "c": 2, "b": 3}}',
        b'{"a": 1.0}',
        b'{"a": 1e3}',
        b'{"a": NaN}',
        b'{"a": [Infinity]}',
        b'{"a": -Infinity}',
        b'{"a": "\xff"}',
        b'{"a": "\xed\xa0\x80"}',
        b"\xff\xfe{\x00}\x00",
        b'\xef\xbb\xbf{"a": 1}',
        b'{"a": "\n"}',
        b'{"a": 1' + b"0" * 5000 + b"}",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1),
    ],
    ids=lambda data: repr(data[:24]),
)
def test_what_is_not_such_json_is_a_format_error(data: bytes) -> None:
    started = time.monotonic()
    with pytest.raises(FormatError):
        parse_json(data)
    assert time.monotonic() - started < 5


def test_the_deepest_that_is_allowed_is_read() -> None:
    found = parse_json(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH)
    for _ in range(MAX_DEPTH - 1):
        (found,) = found
    assert found == []


def test_an_escaped_lone_surrogate_is_a_format_error() -> None:
    with pytest.raises(FormatError):
        parse_json(rb'{"a": "\ud800"}')


@pytest.mark.parametrize("data", [b"[]", b'"text"', b"3", b"null"])
def test_what_is_no_object_is_no_document(data: bytes) -> None:
    with pytest.raises(FormatError, match=r"\$: expected an object"):
        Letter.from_bytes(data)


TEXTS = st.text(max_size=20)
LEAVES = st.one_of(st.none(), st.booleans(), st.integers(-(2**53) + 1, 2**53 - 1), TEXTS)
TREES = st.recursive(LEAVES, lambda inner: st.one_of(st.lists(inner), st.dictionaries(TEXTS, inner)), max_leaves=20)


@settings(deadline=None, database=None)
@given(TREES)
def test_what_was_written_is_read_back(tree: object) -> None:
    assert parse_json(canonical_json(tree)) == tree


def test_brackets_in_a_text_do_not_make_it_unreadable() -> None:
    stamp = Stamp(place="[" * (MAX_DEPTH + 1))
    assert Stamp.from_bytes(stamp.to_bytes()) == stamp


def test_members_can_not_be_changed() -> None:
    letter = Letter.checked(GOOD)
    with pytest.raises(AttributeError, match=r"can't be changed \(text\)"):
        letter.text = "other"  # type: ignore[misc]
    assert letter.text == "hello"


def test_what_was_handed_out_or_in_changes_nothing() -> None:
    headers = {"x": 1}
    letter = Letter(
        text="", pages=1, urgent=True, stamp=Stamp(place=""), words=["a"], headers=headers, anything={}
    )  # fmt: skip
    before = letter.to_bytes()
    headers["x"] = 2
    letter.headers["x"] = 3  # type: ignore[index]
    assert letter.to_bytes() == before


def test_the_data_can_not_be_replaced() -> None:
    stamp = Stamp(place="here")
    with pytest.raises(AttributeError):
        stamp.data = {"place": "there"}


def test_a_free_mapping_that_was_handed_out_can_not_change_the_document() -> None:
    letter = Letter.checked(dict(GOOD, anything={"y": 1}))
    before = letter.to_bytes()
    with suppress(TypeError):
        letter.anything["y"] = 2  # type: ignore[index]
    assert letter.to_bytes() == before
