# SPDX-License-Identifier: Apache-2.0
"""DriftBench, small: some of its causes are on record, suspected first and proved; a job without the cause is not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bench.drift.cause import Cause, Score
from bench.drift.commands import command_causes
from bench.drift.world import Workshop

pytestmark = pytest.mark.slow

_NAMES = ("package version", "dirty source", "time zone", "thread count", "unseeded random numbers")


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    """A workshop of its own."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("ENVCAP_CACHE", "ENVCAP_KEY"):
            patch.setenv(name, "")  # and put back what the workshop sets
        yield Workshop(tmp_path_factory.mktemp("drift"))


@pytest.fixture(scope="module")
def scores(workshop: Workshop, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Score]:
    """The scores of some causes by name."""
    causes = [cause for cause in command_causes(workshop) if cause.name in _NAMES]
    return {one.name: _score(workshop, one, tmp_path_factory.mktemp("job") / "job") for one in causes}


def _score(workshop: Workshop, cause: Cause, folder: Path) -> Score:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ENVCAP_CACHE", str(workshop.root / "cache"))
        patch.setenv("ENVCAP_KEY", str(workshop.root / "key"))
        return workshop.score(cause, folder)


@pytest.mark.parametrize("name", _NAMES)
def test_the_cause_is_on_record_first_and_proved(scores: dict[str, Score], name: str) -> None:
    score = scores[name]
    assert score.others >= 5
    assert score.rank == 1
    assert score.is_proved


def test_what_is_not_the_cause_is_not_taken_for_it(scores: dict[str, Score]) -> None:
    score = scores["package version"]
    other = replace(score, cause=replace(score.cause, pattern="driftalpha"))
    assert not other.is_proved
    assert not replace(scores["unseeded random numbers"], cause=score.cause).is_proved
