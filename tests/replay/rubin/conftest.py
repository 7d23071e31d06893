# SPDX-License-Identifier: Apache-2.0
"""What tests of the program in a rebuilt environment share: each begins with nothing opened."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from replay.rubin.inside import opened


@pytest.fixture(autouse=True)
def nothing_opened() -> Iterator[None]:
    """Let every test begin with nothing opened."""
    opened.forget_all()
    yield
    opened.forget_all()
