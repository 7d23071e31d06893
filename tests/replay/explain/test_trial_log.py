# SPDX-License-Identifier: Apache-2.0
"""The log of trials: it survives whatever ends the process that writes it."""

from __future__ import annotations

from pathlib import Path

from replay.explain.trial import Outcome, Trial, TrialLog


def _trial(key: str) -> Trial:
    return Trial(key, [1, 2], Outcome.B, {"file:///out": "sha256:00"}, "", "1.250")


def test_what_was_written_is_known_to_the_next(tmp_path: Path) -> None:
    path = str(tmp_path / "log")
    TrialLog(path).add(_trial("1,2"))
    again = TrialLog(path)
    assert again.find("1,2") == _trial("1,2")
    assert again.find("1") is None


def test_a_torn_line_is_none_and_the_next_one_stands_alone(tmp_path: Path) -> None:
    path = tmp_path / "log"
    TrialLog(str(path)).add(_trial("first"))
    whole = path.read_bytes()
    for torn in range(1, len(whole)):
        path.write_bytes(whole + whole[:torn])
        log = TrialLog(str(path))
        assert len(log) == 1
        log.add(_trial("second"))
        assert [TrialLog(str(path)).find(key) is not None for key in ("first", "second")] == [True, True]


def test_what_failed_is_remembered_but_tried_again_by_the_next(tmp_path: Path) -> None:
    path = str(tmp_path / "log")
    failed = Trial("3", [3], Outcome.FAILED, {}, "no room", "0.100")
    log = TrialLog(path)
    log.add(failed)
    assert log.find("3") == failed
    assert TrialLog(path).find("3") is None
