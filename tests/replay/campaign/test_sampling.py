# SPDX-License-Identifier: Apache-2.0
"""A sample is the same for the same name, is of the size asked for, and has every stratum in it."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envcap.errors import UsageError
from replay.campaign.definition import Planned
from replay.campaign.sampling import sampled, shares

from .conftest import Plan


def test_a_sample_is_the_same_for_the_same_seed_whatever_the_order(plan: Plan) -> None:
    quanta = plan(100)
    first = sampled(quanta, 10, (), "R1")
    assert len(first) == 10
    assert set(sampled(quanta[::-1], 10, (), "R1")) == set(first)
    assert set(sampled(quanta, 10, (), "R2")) != set(first)


def test_the_sample_keeps_the_order_of_the_quanta(plan: Plan) -> None:
    quanta = plan(100)
    chosen = sampled(quanta, 10, (), "R1")
    assert chosen == sorted(chosen, key=quanta.index)


def test_every_stratum_is_in_it_and_has_its_share(plan: Plan) -> None:
    quanta = [*plan(900), *plan(90, environment="e2"), *plan(9, task="coadd"), *plan(1, cpu="c2")]
    chosen = sampled(quanta, 100, ("task", "environment", "cpu"), "R1")
    found = Counter((one.task, one.environment, one.cpu) for one in chosen)
    assert len(chosen) == 100
    assert found["measure", "e1", "c1"] in range(88, 91)
    assert found["measure", "e2", "c1"] in range(8, 11)
    assert found["coadd", "e1", "c1"] == found["measure", "e1", "c2"] == 1


def test_without_strata_a_rare_task_may_be_missing(plan: Plan) -> None:
    quanta = [*plan(1000), *plan(1, task="coadd")]
    assert {one.task for one in sampled(quanta, 3, (), "R1")} == {"measure"}
    assert {one.task for one in sampled(quanta, 3, ("task",), "R1")} == {"measure", "coadd"}


def test_more_strata_than_quanta_asked_for_are_refused(plan: Plan) -> None:
    quanta = [one for number in range(5) for one in plan(2, task=f"t{number}")]
    with pytest.raises(UsageError, match="5 strata"):
        sampled(quanta, 4, ("task",), "R1")


def test_of_fewer_than_asked_for_all_are_taken(plan: Plan) -> None:
    quanta: list[Planned] = plan(3)
    assert sampled(quanta, 10, ("task",), "R1") == quanta


@given(st.lists(st.integers(1, 40), min_size=1, max_size=8), st.data())
def test_shares_add_up_and_nobody_has_more_than_there_is(sizes: list[int], data: st.DataObject) -> None:
    known = dict(enumerate(sizes))
    count = data.draw(st.integers(len(sizes), sum(sizes)))
    found = shares(known, count)
    assert sum(found.values()) == count
    assert all(1 <= found[key] <= size for key, size in known.items())
    by_size = sorted(known, key=lambda key: known[key])
    assert all(found[a] <= found[b] for a, b in pairwise(by_size) if known[a] < known[b])
