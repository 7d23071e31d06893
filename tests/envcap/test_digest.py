# SPDX-License-Identifier: Apache-2.0
"""Canonical JSON against the reference implementation of RFC 8785, and digests."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import subprocess
import sys
from collections import OrderedDict
from enum import IntEnum
from pathlib import Path
from types import MappingProxyType

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from envcap.digest import canonical_json, digest_of, digest_of_file, hmac_sha256

INTEGERS = st.integers(min_value=-(2**53) + 1, max_value=2**53 - 1)
# RFC 8785, section 3.2.3: by UTF-16 code units, U+1F600 sorts before U+FB33, by code points after it.
AWKWARD = st.text(
    st.sampled_from('aZ0 "\\/\b\f\n\r\t\x00\x1f\x7f\u00e9\u2028\ud7ff\ue000\ufb33\uffff\U00010000\U0001f600')
)
TEXTS = st.one_of(st.text(), AWKWARD)
DOCUMENTS = st.recursive(
    st.one_of(st.none(), st.booleans(), INTEGERS, TEXTS),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(TEXTS, inner)),
)


@settings(deadline=None, database=None)
@given(DOCUMENTS)
def test_equals_the_reference_implementation(document: object) -> None:
    assert canonical_json(document) == rfc8785.dumps(document)


def test_names_are_sorted_by_utf16_code_units() -> None:
    # The example of RFC 8785, section 3.2.3.
    document = {"\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\U0001f600": 5, "\x80": 6, "\u00f6": 7}
    assert list(json.loads(canonical_json(document)).values()) == [2, 4, 6, 7, 1, 5, 3]
    assert canonical_json(document) == rfc8785.dumps(document)


def test_order_of_members_and_kind_of_container_do_not_matter() -> None:
    expected = b'{"a":[1,{"b":2}],"c":true}'
    assert canonical_json({"c": True, "a": [1, {"b": 2}]}) == expected
    assert canonical_json(MappingProxyType(OrderedDict(a=(1, {"b": 2}), c=True))) == expected
    assert canonical_json({"a": [1, {"b": 3}], "c": True}) != expected


def test_subclasses_of_integers_are_written_as_integers() -> None:
    class Level(IntEnum):
        HIGH = 3

    assert canonical_json({"level": Level.HIGH}) == b'{"level":3}'


@pytest.mark.parametrize(
    ("document", "where"),
    [
        ({"a": 1.0}, r"\$\.a: float"),
        ({"a": [1, float("nan")]}, r"\$\.a\[1\]: float"),
        ({"a": b"bytes"}, r"\$\.a: bytes"),
        ({"a": {1, 2}}, r"\$\.a: set"),
        ({"a": {1: "one"}}, r"\$\.a: member name 1"),
        (object(), r"\$: object"),
    ],
)
def test_types_without_a_place_are_refused_by_name(document: object, where: str) -> None:
    with pytest.raises(TypeError, match=where):
        canonical_json(document)


@pytest.mark.parametrize("number", [2**53 + 1, -(2**53) - 1, 10**30])
def test_large_integers_are_refused(number: int) -> None:
    with pytest.raises(ValueError, match=r"\$\.seeds\[1\]: integer .* write it as a string"):
        canonical_json({"seeds": [0, number]})


@pytest.mark.parametrize("number", [2**53, -(2**53)])
def test_the_largest_integer_is_that_of_the_reference(number: int) -> None:
    with pytest.raises(rfc8785.IntegerDomainError):
        rfc8785.dumps(number)
    with pytest.raises(ValueError, match="2\\^53"):
        canonical_json(number)


@pytest.mark.parametrize("document", [["\ud800"], {"\udfff": 1}, "a\udce9b", {"a": "\ude00\ud83d"}])
def test_lone_surrogates_are_refused(document: object) -> None:
    with pytest.raises(ValueError, match="not valid Unicode"):
        canonical_json(document)


@given(st.binary())
@settings(deadline=None, database=None)
def test_digest_is_sha256(data: bytes) -> None:
    assert digest_of(data) == "sha256:" + hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("size", [0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1])
def test_digest_of_a_file_is_that_of_its_bytes(tmp_path: Path, size: int) -> None:
    path = tmp_path / "file"
    data = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    path.write_bytes(data)
    assert digest_of_file(str(path)) == (digest_of(data), size)


def test_digest_of_a_file_that_tells_no_size_is_that_of_its_bytes() -> None:
    path = Path("/proc/self/cmdline")
    assert path.stat().st_size == 0
    data = path.read_bytes()
    assert digest_of_file(str(path)) == (digest_of(data), len(data))


@pytest.mark.parametrize("told", [3, 20])
def test_digest_of_a_file_that_grows_or_shrinks_is_that_of_what_was_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: int
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    real = os.fstat

    def fstat(descriptor: int) -> os.stat_result:
        return os.stat_result((*real(descriptor)[:6], told, *real(descriptor)[7:]))

    monkeypatch.setattr("envcap.digest.os.fstat", fstat)
    assert digest_of_file(str(path)) == (digest_of(b"0123456789"), 10)


def test_digest_of_an_unreadable_file_is_an_error(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing"):
        with pytest.raises(OSError, match=str(path)):
            digest_of_file(str(path))


@given(st.binary(max_size=64), st.binary())
def test_a_seal_is_an_hmac(secret: bytes, message: bytes) -> None:
    assert hmac_sha256(secret, message) == hmac.digest(secret, message, "sha256")


def test_without_openssl_the_digests_are_the_same(tmp_path: Path) -> None:
    """As in `envcap run`, where nothing has loaded OpenSSL: for small texts and files it stays away, for large not."""
    sizes = (0, 1, 55, 56, 64, 1000, 1 << 20)
    for size in sizes:
        (tmp_path / str(size)).write_bytes(bytes(range(256)) * (size // 256) + b"x" * (size % 256))
    code = (
        "import sys; from envcap.digest import digest_of, digest_of_file\n"
        "for path in sys.argv[1:]:\n"
        "    with open(path, 'rb') as stream: data = stream.read()\n"
        "    print(digest_of(data), digest_of_file(path)[0], '_hashlib' in sys.modules)"
    )
    command = [sys.executable, "-c", code, *(str(tmp_path / str(size)) for size in sizes)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    for size, line in zip(sizes, said, strict=True):
        expected = "sha256:" + hashlib.sha256((tmp_path / str(size)).read_bytes()).hexdigest()
        assert line == f"{expected} {expected} {size >= 1 << 20}"
