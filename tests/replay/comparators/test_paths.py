# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.comparators.paths import covers, fits


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("HDU IMAGE", "HDU IMAGE", True),
        ("HDU IMAGE", "HDU IMAGE2", False),
        ("HDU IMAGE", "XHDU IMAGE", False),
        ("HDU IM*", "HDU IMAGE", True),
        ("column ?", "column x", True),
        ("column ?", "column xy", False),
        ("$.rows[3]", "$.rows[3]", True),
        ("$.rows[3]", "$.rows3", False),
        ("$.rows[*]", "$.rows[12]", True),
        ("[!a]", "b", False),
        ("*", "", True),
        ("hdu image", "HDU IMAGE", False),
        ("a.b", "axb", False),
    ],
)
def test_a_pattern_matches_the_whole_text(pattern: str, text: str, expected: bool) -> None:
    assert fits(pattern, text) is expected


@given(st.text(alphabet=st.characters(exclude_characters="*?"), max_size=30))
def test_all_else_is_itself(text: str) -> None:
    assert fits(text, text)
    assert not fits(text, f"{text}x")


def test_many_stars_take_no_time() -> None:
    assert not fits("*a" * 40 + "b", "a" * 2000)


PATH = ("HDU CAT", "column flux", "values")


@pytest.mark.parametrize(
    "pattern",
    [
        "HDU CAT",
        "column flux",
        "values",
        "column *",
        "HDU CAT / column flux",
        "column flux / values",
        "HDU CAT / *",
        "*",
    ],
)
def test_a_level_or_several_that_follow_each_other(pattern: str) -> None:
    assert covers(pattern, PATH)


@pytest.mark.parametrize("pattern", ["HDU CAT / values", "column", "flux", "HDU CA", "HDU CAT / column flux / x", ""])
def test_nothing_else(pattern: str) -> None:
    assert not covers(pattern, PATH)
