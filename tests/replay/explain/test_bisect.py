# SPDX-License-Identifier: Apache-2.0
"""Bisecting jobs that were really run, and are really re-run."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from replay.explain.bisecting import log_folder
from replay.explain.bisection import Finding
from replay.explain.changes.registry import changes_between
from replay.explain.trial import Outcome, Trial
from replay.options import Options

from .conftest import Shop

_NOISE = {"FOUR": "4", "FIVE": "5", "SIX": "6"}


def _cause(shop: Shop, a: str, b: str) -> list[tuple[str, str, str]]:
    found = shop.bisect(a, b)
    assert found.finding is Finding.CAUSE
    assert found.notes == []
    return [(change.name, change.before, change.after) for change in found.cause]


def test_one_variable_among_others_is_named_alone(shop: Shop) -> None:
    shop.write("job.sh", 'echo "$ONE" > out.txt\n')
    a = shop.run("--output", "out.txt", ONE="1")
    b = shop.run("--output", "out.txt", ONE="2", TWO="2", THREE="3", **_NOISE)
    assert _cause(shop, a, b) == [("ONE", "1", "2")]


def test_two_variables_that_only_matter_together_are_both_named(shop: Shop) -> None:
    shop.write("job.sh", 'if [ "$TWO$FIVE" = 25 ]; then echo both; else echo no; fi > out.txt\n')
    a = shop.run("--output", "out.txt")
    b = shop.run("--output", "out.txt", ONE="1", TWO="2", THREE="3", **_NOISE)
    assert [name for name, _, _ in _cause(shop, a, b)] == ["FIVE", "TWO"]


def test_each_named_change_is_needed_and_the_others_do_nothing(shop: Shop) -> None:
    shop.write("job.sh", 'if [ "$TWO$FIVE" = 25 ]; then echo both; else echo no; fi > out.txt\n')
    a = shop.run("--output", "out.txt")
    b = shop.run("--output", "out.txt", ONE="1", TWO="2", THREE="3", **_NOISE)
    found = shop.bisect(a, b)
    numbers = [found.changes.index(change) for change in found.cause]
    outcomes = {tuple(trial.changes): trial.outcome for trial in found.trials}
    assert [outcomes[(number,)] for number in numbers] == [Outcome.A, Outcome.A]
    assert found.others == Outcome.A


def test_a_configuration_file_and_an_input_are_told_apart(shop: Shop) -> None:
    shop.write("job.sh", "head -1 settings.txt > out.txt; tail -1 in.txt >> out.txt\n")
    shop.write("settings.txt", "first\nother\n")
    shop.write("in.txt", "a\nb\n")
    declared = ("--config", "settings.txt", "--output", "out.txt")
    a = shop.run(*declared, "--input", "in.txt", ONE="1")
    shop.write("settings.txt", "second\nother\n")
    b = shop.run(*declared, "--input", "in.txt", ONE="2", **_NOISE)
    assert [name for name, _, _ in _cause(shop, a, b)] == ["settings.txt"]


def test_another_script_is_found(shop: Shop) -> None:
    shop.write("job.sh", "echo old > out.txt\n")
    a = shop.run("--output", "out.txt", **_NOISE)
    shop.write("job.sh", "echo new > out.txt\n")
    b = shop.run("--output", "out.txt", ONE="1")
    assert [name for name, _, _ in _cause(shop, a, b)] == ["job.sh"]


def test_a_job_that_never_repeats_itself_has_no_cause(shop: Shop) -> None:
    shop.write("job.sh", "cat /proc/sys/kernel/random/uuid > out.txt\n")
    a = shop.run("--output", "out.txt")
    b = shop.run("--output", "out.txt", ONE="1")
    found = shop.bisect(a, b)
    assert found.finding is Finding.UNSTABLE
    assert not found.cause
    assert shop.replay("bisect", a, b, status=1)["finding"] == "unstable"


def test_what_no_replay_can_change_is_no_cause(shop: Shop) -> None:
    # The job reads a variable that nobody declared: neither re-run has it.
    shop.write("job.sh", 'echo "$UNKNOWN" > out.txt\n')
    a = shop.run("--output", "out.txt", UNKNOWN="1")
    b = shop.run("--output", "out.txt", UNKNOWN="2", ONE="1")
    found = shop.bisect(a, b)
    assert found.finding is Finding.ALIKE
    assert any("re-run of A makes other bytes" in note for note in found.notes)


def test_two_jobs_that_differ_in_nothing_have_nothing_to_try(shop: Shop) -> None:
    shop.write("job.sh", "date +%N > out.txt\n")
    a, b = (shop.run("--output", "out.txt") for _ in range(2))
    assert shop.bisect(a, b).finding is Finding.NOTHING


def test_a_second_job_that_never_repeats_itself_is_told_from_the_first(shop: Shop) -> None:
    shop.write("job.sh", 'if [ "$ONE" = 2 ]; then cat /proc/sys/kernel/random/uuid; else echo same; fi > out.txt\n')
    a = shop.run("--output", "out.txt", ONE="1")
    b = shop.run("--output", "out.txt", ONE="2", **_NOISE)
    found = shop.bisect(a, b)
    assert [change.name for change in found.cause] == ["ONE"]
    assert any("B does not make the same outputs twice" in note for note in found.notes)


def test_a_change_that_breaks_the_job_is_passed_over(shop: Shop) -> None:
    shop.write("job.sh", '[ "$ONE$TWO" = 1 ] && exit 3; echo "$THREE" > out.txt\n')
    a = shop.run("--output", "out.txt", THREE="a")
    b = shop.run("--output", "out.txt", ONE="1", TWO="2", THREE="b", **_NOISE)
    assert [name for name, _, _ in _cause(shop, a, b)] == ["THREE"]


def test_what_was_tried_is_not_tried_again(shop: Shop) -> None:
    shop.write("job.sh", 'echo "$ONE" > out.txt\n')
    a = shop.run("--output", "out.txt", ONE="1")
    b = shop.run("--output", "out.txt", ONE="2", **_NOISE)
    first: list[Trial] = []
    found = shop.bisect(a, b, first)
    assert first
    again: list[Trial] = []
    assert shop.bisect(a, b, again).to_json() == found.to_json()
    assert again == []


@pytest.mark.parametrize("kept", [0, 1, 3, 5])
def test_an_interrupted_bisection_goes_on_where_it_was(shop: Shop, kept: int) -> None:
    shop.write("job.sh", 'if [ "$TWO$FIVE" = 25 ]; then echo both; else echo no; fi > out.txt\n')
    a = shop.run("--output", "out.txt")
    b = shop.run("--output", "out.txt", ONE="1", TWO="2", THREE="3", **_NOISE)
    everything: list[Trial] = []
    whole = shop.bisect(a, b, everything)
    log = Path(_log(shop, a, b), "trials.jsonl")
    lines = log.read_text().splitlines(keepends=True)
    log.write_text("".join(lines[:kept]))
    again: list[Trial] = []
    assert shop.bisect(a, b, again).cause[0].to_json() == whole.cause[0].to_json()
    assert [trial.key for trial in again] == [trial.key for trial in everything[kept:]]


def _log(shop: Shop, a: str, b: str) -> str:
    jobs = shop.job(a), shop.job(b)
    return log_folder(*jobs, changes_between(*jobs), Options())


def test_a_forged_log_is_not_believed_about_kept_outputs(shop: Shop) -> None:
    shop.write("job.sh", 'echo "$ONE" > out.txt\n')
    a = shop.run("--output", "out.txt", ONE="1")
    b = shop.run("--output", "out.txt", ONE="2", TWO="2")
    shop.bisect(a, b)
    for kept in Path(_log(shop, a, b), "kept", "b").iterdir():
        kept.write_text("forged\n")
    log = Path(_log(shop, a, b), "trials.jsonl")
    log.write_text("".join(line for line in log.read_text().splitlines(keepends=True) if '"key": "b"' in line))
    said: list[Trial] = []
    assert [change.name for change in shop.bisect(a, b, said).cause] == ["ONE"]
    assert "b" in [trial.key for trial in said]  # it was made again


def test_the_store_is_left_as_it_was(shop: Shop) -> None:
    shop.write("job.sh", 'echo "$ONE" > out.txt\n')
    a = shop.run("--output", "out.txt", ONE="1")
    b = shop.run("--output", "out.txt", ONE="2", TWO="2")
    before = _files(shop.root / "store")
    shop.bisect(a, b)
    assert _files(shop.root / "store") == before


def _files(folder: Path) -> set[str]:
    return {os.path.join(top, name) for top, _, names in os.walk(folder) for name in names if "index" not in name}


def test_a_user_is_told_the_cause(shop: Shop) -> None:
    shop.write("job.sh", 'echo "$ONE" > out.txt\n')
    a = shop.run("--output", "out.txt", ONE="1")
    b = shop.run("--output", "out.txt", ONE="2", TWO="2")
    document = shop.replay("bisect", a, b, status=0)
    assert document["cause"] == [{"layer": "process_env", "name": "ONE", "before": "1", "after": "2"}]
    assert json.dumps(document)


def test_a_foreign_job_is_refused(shop: Shop) -> None:
    shop.write("job.sh", 'echo "$ONE" > out.txt\n')
    a = shop.run("--output", "out.txt", ONE="1")
    (shop.root / "key").unlink()
    b = shop.run("--output", "out.txt", ONE="2")
    argv = ("bisect", a, b)
    import subprocess
    import sys

    done = subprocess.run(
        [str(Path(sys.executable).parent / "replay"), *argv],
        cwd=shop.root,
        env=shop.variables,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 3
    assert "vouches for it" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
