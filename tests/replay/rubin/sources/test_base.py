# SPDX-License-Identifier: Apache-2.0
"""What the middleware raises while something is read becomes one line."""

from __future__ import annotations

import sys

import pytest

from envcap.errors import UsageError
from replay.errors import ReplayRefusedError
from replay.rubin.sources import base
from replay.rubin.sources.base import Absent, reading


def _wrapped(cause: Exception) -> None:
    """Raise as the Butler does when a formatter fails."""
    try:
        raise cause
    except Exception as err:
        raise ValueError("Failure from formatter:\nmany lines") from err


def test_the_cause_is_told_in_one_line() -> None:
    with (
        pytest.raises(ReplayRefusedError, match=r"^the graph can't be read: KeyError: 'no such block'$"),
        reading("the graph"),
    ):
        _wrapped(KeyError("no such block"))


def test_what_is_ours_passes() -> None:
    with pytest.raises(UsageError, match="mine"), reading("the graph"):
        raise UsageError("mine")


@pytest.mark.skipif(sys.version_info[:3] in base._ZIPFILE_BUG, reason="this Python has the bug")
def test_an_end_of_file_is_a_file_that_is_cut_short() -> None:
    with pytest.raises(ReplayRefusedError, match="the graph is cut short"), reading("the graph"):
        _wrapped(EOFError())


def test_on_a_python_with_the_bug_it_is_said_and_the_next_source_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "_ZIPFILE_BUG", (sys.version_info[:3],))
    told = rf"^the graph can't be read by CPython {sys.version.split()[0]}, whose zipfile has a bug; a later .* can$"
    with pytest.raises(Absent, match=told), reading("the graph"):
        _wrapped(EOFError())
