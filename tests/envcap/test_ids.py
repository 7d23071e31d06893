# SPDX-License-Identifier: Apache-2.0
"""Identifiers (RFC 9562) and time stamps (RFC 3339)."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from uuid import RFC_4122, UUID

import pytest

from envcap.ids import is_uuid, timestamp, uuid7


def test_is_a_uuid_of_version_7() -> None:
    before = time.time_ns() // 10**6
    made = uuid7()
    after = time.time_ns() // 10**6
    parsed = UUID(made)
    assert str(parsed) == made
    assert (parsed.version, parsed.variant) == (7, RFC_4122)
    assert before <= parsed.int >> 80 <= after


def test_later_ones_sort_after_earlier_ones() -> None:
    made = [uuid7(ms * 10**6) for ms in (0, 1, 999, 10**6, 1_700_000_000_000, 1_700_000_000_001, 2**48 - 1)]
    assert made == sorted(made)
    assert uuid7(5 * 10**6) > uuid7(4 * 10**6 + 999_999)


def test_those_of_one_instant_differ_in_74_bits() -> None:
    made = [UUID(uuid7(10**18)).int for _ in range(20_000)]
    assert len(set(made)) == len(made)
    ones = zeros = 0
    for value in made:
        ones |= value
        zeros |= ~value
    assert (ones & zeros & (1 << 128) - 1).bit_count() == 74


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("01a2071d-daf5-7bf1-ac26-67c8b4f985bb", True),
        ("01A2071D-DAF5-7BF1-AC26-67C8B4F985BB", True),
        ("01a2071ddaf57bf1ac2667c8b4f985bb", False),
        ("01a2071d-daf5-7bf1-ac26-67c8b4f985bg", False),
        ("01a2071d-daf5-7bf1-ac26-67c8b4f985b", False),
        ("", False),
        ("----", False),
    ],
)
def test_recognises_uuids(text: str, expected: bool) -> None:
    assert is_uuid(text) is expected


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (999_999, "1970-01-01T00:00:00.000Z"),
        (1_795_411_913_120_000_000, "2026-11-23T05:31:53.120Z"),
    ],
)
def test_time_stamp_has_milliseconds_and_is_utc(now: int, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    time.tzset()
    try:
        assert timestamp(now) == expected
    finally:
        monkeypatch.undo()
        time.tzset()


def test_time_stamp_is_now() -> None:
    assert abs((datetime.fromisoformat(timestamp()) - datetime.now(UTC)).total_seconds()) < 5
