# SPDX-License-Identifier: Apache-2.0
"""One quantum is judged while the next one runs, and each has its own outcome."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from envcap.errors import EnvcapError
from replay.campaign.pipeline import overlapped


def test_the_next_runs_while_one_is_judged() -> None:
    second_runs = threading.Event()

    def execute(number: int) -> int:
        if number == 2:
            second_runs.set()
        return number

    def judge(number: int) -> str:
        # The first can't be judged before the second runs: one after the other, this would never end.
        assert second_runs.wait(30)
        return f"judged {number}"

    assert list(overlapped([1, 2, 3], execute, judge)) == [(1, "judged 1"), (2, "judged 2"), (3, "judged 3")]


def test_each_has_its_own_error() -> None:
    def execute(number: int) -> int:
        if number == 2:
            raise EnvcapError("not executed")
        return number

    def judge(number: int) -> int:
        if number == 3:
            raise EnvcapError("not judged")
        return number

    found = [(number, str(outcome)) for number, outcome in overlapped([1, 2, 3, 4], execute, judge)]
    assert found == [(1, "1"), (2, "not executed"), (3, "not judged"), (4, "4")]


def test_none_is_taken_before_the_one_before_it_has_run() -> None:
    told: list[str] = []

    def asked() -> Iterator[int]:
        for number in (1, 2):
            told.append(f"take {number}")
            yield number

    def execute(number: int) -> int:
        told.append(f"run {number}")
        return number

    list(overlapped(asked(), execute, lambda number: number))
    assert told == ["take 1", "run 1", "take 2", "run 2"]


@pytest.mark.parametrize("breaks", ["execute", "judge"])
def test_what_is_no_error_of_ours_ends_it(breaks: str) -> None:
    def broken(number: int) -> int:
        raise ZeroDivisionError

    def whole(number: int) -> int:
        return number

    with pytest.raises(ZeroDivisionError):
        list(overlapped([1, 2], broken if breaks == "execute" else whole, broken if breaks == "judge" else whole))
