# SPDX-License-Identifier: Apache-2.0
"""A batch has quanta of one environment, as many as are worth a start, and every worker gets some."""

from __future__ import annotations

import random

from replay.campaign.batches import MOST, batches

from .conftest import Plan


def test_a_batch_has_one_environment_and_every_quantum_is_in_one(plan: Plan) -> None:
    quanta = [*plan(100), *plan(70, environment="e2"), *plan(3, task="coadd")]
    random.Random(1).shuffle(quanta)
    found = list(batches(quanta, 1))
    assert sorted(one.attempt for some in found for one in some) == sorted(one.attempt for one in quanta)
    assert all(len({one.environment for one in some}) == 1 for some in found)
    assert all(len(some) <= MOST for some in found)
    assert sum(len({one.task for one in some}) > 1 for some in found) <= 1


def test_little_work_is_spread_over_the_workers(plan: Plan) -> None:
    assert len(list(batches(plan(8), 4))) == 8
    assert [len(some) for some in batches(plan(80), 4)] == [5] * 16


def test_nothing_makes_no_batch() -> None:
    assert list(batches([], 4)) == []
