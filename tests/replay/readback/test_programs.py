# SPDX-License-Identifier: Apache-2.0
"""Who tells what was in effect: every Python of a command, but the helpers of `multiprocessing`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from replay.readback.programs import Telling, told_file
from replay.sandbox.base import Limits
from replay.sandbox.unconfined import Unconfined

CHILD = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'pass'], check=True)"
HELPER = "import sys; sys.exit()  # from multiprocessing.resource_tracker import main;main(9)"


def words_of(folder: Path, code: str) -> list[str]:
    """Return the first words of what the processes of some code told."""
    told = Path(told_file(str(folder)))
    told.touch()
    variables = Telling(Unconfined(Limits())).variables(dict(os.environ), str(folder))
    subprocess.run([sys.executable, "-c", code], env=variables, check=True)
    return [line.partition(" ")[0] for line in told.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("pass", ["began", "numerics", "ended"]),
        (CHILD, ["began", "began", "numerics", "ended", "numerics", "ended"]),
        (HELPER, []),
    ],
)
def test_who_tells(tmp_path: Path, code: str, words: list[str]) -> None:
    assert words_of(tmp_path, code) == words


def test_nothing_is_told_into_what_a_payload_put_in_the_place(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.touch()
    Path(told_file(str(tmp_path))).symlink_to(mine)
    assert words_of(tmp_path, "pass") == []
    assert mine.read_bytes() == b""
