# SPDX-License-Identifier: Apache-2.0
"""What every test of a comparator needs: a verdict and the lines that explain it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from replay.comparators.files import compare_files
from replay.comparators.policy import DEFAULT, Policy, Verdict

Judge = Callable[..., tuple[Verdict, list[str]]]


@pytest.fixture
def judge() -> Judge:
    """Give a function that returns the verdict on two files and its significant lines."""

    def run(original: Path, remade: Path, policy: Policy = DEFAULT) -> tuple[Verdict, list[str]]:
        comparison = compare_files(original, remade, policy)
        lines = [str(leaf) for leaf in comparison.judgement.significant]
        assert all(line.count("\n") == 0 for line in lines)
        return comparison.verdict, lines

    return run
