# SPDX-License-Identifier: Apache-2.0
"""One quantum runs while the next one is prepared and the one before it is judged, and each has its own outcome."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from envcap.errors import EnvcapError
from replay.campaign.pipeline import overlapped


def same(number: int) -> int:
    return number


def fails_at(which: int) -> Callable[[int], int]:
    def work(number: int) -> int:
        if number == which:
            raise EnvcapError("no luck")
        return number

    return work


def test_the_next_ones_start_while_one_is_judged() -> None:
    second_has_run = threading.Event()

    def finish(number: int) -> int:
        if number == 2:
            second_has_run.set()
        return number

    def judge(number: int) -> str:
        # The first can't be judged before the second has run: one after the other, this would never end.
        assert second_has_run.wait(30)
        return f"judged {number}"

    assert list(overlapped([1, 2, 3], same, finish, judge)) == [(1, "judged 1"), (2, "judged 2"), (3, "judged 3")]


def test_the_next_one_is_started_before_one_is_waited_for_and_no_more() -> None:
    told: list[str] = []

    def asked() -> Iterator[int]:
        for number in (1, 2, 3):
            told.append(f"take {number}")
            yield number

    def start(number: int) -> int:
        told.append(f"start {number}")
        return number

    def finish(number: int) -> int:
        told.append(f"finish {number}")
        return number

    list(overlapped(asked(), start, finish, same))
    assert told == [
        "take 1",
        "start 1",
        "take 2",
        "start 2",
        "finish 1",
        "take 3",
        "start 3",
        "finish 2",
        "finish 3",
    ]


@pytest.mark.parametrize("stage", [0, 1, 2])
@pytest.mark.parametrize("which", [1, 2, 3])
def test_each_has_its_own_error(stage: int, which: int) -> None:
    stages = [same, same, same]
    stages[stage] = fails_at(which)
    found = [(number, str(outcome)) for number, outcome in overlapped([1, 2, 3], *stages)]
    assert found == [(number, "no luck" if number == which else str(number)) for number in (1, 2, 3)]


@pytest.mark.parametrize("stage", [0, 1, 2])
def test_what_is_no_error_of_ours_ends_it(stage: int) -> None:
    def broken(number: int) -> int:
        raise ZeroDivisionError

    stages = [same, same, same]
    stages[stage] = broken
    with pytest.raises(ZeroDivisionError):
        list(overlapped([1, 2], *stages))


def test_nothing_asked_is_nothing() -> None:
    assert list(overlapped([], same, same, same)) == []
