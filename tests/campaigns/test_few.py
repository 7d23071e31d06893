# SPDX-License-Identifier: Apache-2.0
"""Campaigns of five quanta: what the commands say, that each quantum is judged once, and what is tried again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from replay.campaign.permits import Permits
from tests.campaigns.conftest import FIVE, Campaigns, judge, worker_environ

pytestmark = pytest.mark.slow

HOOK = """
import os, signal, sys
if "replay.campaign.worker" in sys.orig_argv:
    from replay.campaign import ledger
    add = ledger.Ledger.add
    def dying(self, entry):
        {condition}
            os.kill(os.getpid(), signal.SIGKILL)
        add(self, entry)
    ledger.Ledger.add = dying
"""
"""Kills a worker after the verdict is in the store, and before the ledger has it."""


def dying(campaigns: Campaigns, tmp_path: Path, condition: str) -> Campaigns:
    """Return a world whose workers die on a condition."""
    (tmp_path / "hook").mkdir()
    (tmp_path / "hook" / "sitecustomize.py").write_text(HOOK.format(condition=condition))
    return Campaigns(campaigns.world, campaigns.folder, {"PYTHONPATH": str(tmp_path / "hook")})


def test_from_create_to_gate(some: Campaigns) -> None:
    told = some.create("R1", "--where", FIVE)
    assert "5 of 5 quanta in 1 environments; 'replay campaign run R1' re-runs them" in told
    assert "left out: 1 init-outputs, which no quantum makes" in told
    assert some.status("R1")["left"] == 5
    assert "R1: not passed: nothing was judged yet" in some.campaign("gate", "R1", "--min", "0%", status=1)
    told = some.campaign("run", "R1", "--workers", "2")
    assert "5/5 judged" in told
    some.assert_judged_once("R1")
    found = some.status("R1")
    assert (found["planned"], found["judged"], found["left"]) == (5, 5, 0)
    assert found["verdicts"]["identical"] == 2
    assert found["verdicts"]["equal"] == 3
    assert {task: sum(counts.values()) for task, counts in found["tasks"].items()} == {
        "calibrate": 2,
        "coadd": 1,
        "measure": 2,
    }
    assert "R1: passed: 5 of 5 quanta (100.00 %)" in some.campaign("gate", "R1", "--min", "100%")
    some.campaign("gate", "R1", "--min", "100%", "--verdict", "identical", status=1)
    (listed,) = json.loads(some.campaign("list", "--json"))
    assert (listed["name"], listed["judged"]) == ("R1", 5)
    # Once all is judged, nothing is left to do, and nothing that was re-made.
    assert json.loads(some.campaign("run", "R1", "--json"))["judged"] == 5
    some.assert_judged_once("R1")
    assert not [one for one in some.lines("R1") if Path(one["document"]["place"]).parent.exists()]


def test_on_processes_of_this_machine(some: Campaigns) -> None:
    some.create("R1", "--where", FIVE)
    assert "5/5 judged" in some.campaign("run", "R1", "--executor", "processes", "--workers", "2")
    some.assert_judged_once("R1")
    some.campaign("gate", "R1", "--min", "100%", "--verdict", "equal")
    managers = list((some.folder / "R1" / "parsl").glob("*/processes/block-0/*/manager.log"))
    assert len(managers) == 1, "Parsl's workers were none of its processes"


def test_entries_say_what_a_report_needs(some: Campaigns) -> None:
    some.create("R1", "--where", FIVE, "--task", "measure")
    some.campaign("run", "R1", "--workers", "1")
    planned = {one["attempt"]: one for one in some.planned("R1")}
    for entry in some.lines("R1"):
        attempt = some.index().load(entry["attempt"])
        assert {name: entry[name] for name in planned[entry["attempt"]]} == planned[entry["attempt"]]
        assert (entry["quantum"], entry["name"]) == (attempt.manifest.job.quantum, attempt.manifest.job.name)
        assert entry["node"] == attempt.manifest.writer.host
        assert (entry["task"], entry["tries"], entry["error"]) == ("measure", 1, None)
        assert entry["document"]["replay_of"] == entry["attempt"]
        assert entry["fidelity"] in ("exact", "rebuilt", "substituted")
        assert 0 < float(entry["seconds"]) < 120
        # Of an earlier quantum, its steps are none of this one's.
        assert sum(step.startswith("run ") for step in entry["document"]["seconds"]) == 1


def test_what_was_not_captured_is_counted_and_named(some: Campaigns) -> None:
    some.world.run(some.world.pipetask("u/me/uncaptured", "-d", "detector = 0 AND exposure = 2026031400001"))
    told = some.create("R1", "--where", "detector = 0", "--collection", "u/me/uncaptured", "--collection", "u/me/own")
    assert "no captured quantum made" in told
    assert "1 calibrated" in told
    told = some.campaign("create", "R2", "--repo", str(some.world.repo), "--collection", "u/me/uncaptured", status=1)
    assert "was made by a captured quantum" in told


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (["--where", "detector = "], 2, "--where 'detector = '"),
        (["--where", "detector = 7"], 1, "selects no dataset"),
        (["--where", "nonsense = 7"], 2, "--where"),
        (["--collection", "u/nobody"], 1, "u/nobody"),
        (["--dataset-type", "nonsense*"], 1, "there is none"),
        (["--task", "nonsense"], 1, "no quantum of nonsense"),
        (["--sample", "0"], 2, "--sample 0"),
        (["--sample", "2", "--stratify", "task"], 2, "3 strata"),
        (["--sample", "2", "--stratify", "colour"], 2, "--stratify colour"),
        (["--stratify", "task"], 2, "add --sample"),
        (["--policy", "/no/such/file"], 2, "/no/such/file"),
        (["--limit", "colour=3"], 2, "--limit colour=3"),
    ],
)
def test_a_wrong_call_is_told_in_a_line(some: Campaigns, words: list[str], status: int, told: str) -> None:
    found = some.campaign("create", "wrong", "--repo", str(some.world.repo), *words, status=status)
    assert told in found
    assert len(found.splitlines()) == 1
    assert not (some.folder / "wrong").exists()


def test_a_verdict_without_a_line_is_adopted_by_the_next_run(some: Campaigns) -> None:
    some.create("R1", "--where", FIVE)
    some.create("R2", "--where", FIVE)
    folder = some.folder / "R1"
    attempts = [one["attempt"] for one in some.planned("R1")]
    script = HOOK.format(condition="if True:") + "import replay.campaign.worker as w; w.main()"
    script = script.replace('"replay.campaign.worker" in sys.orig_argv', "True")
    request = {"batch": Permits(str(folder)).give(), "quanta": attempts, "tries": {}}
    killed = subprocess.run(
        [sys.executable, "-c", script, str(folder)],
        input=json.dumps(request) + "\n",
        env=worker_environ(some),
        capture_output=True,
        text=True,
        check=False,
    )
    assert killed.returncode == -9, killed.stderr
    assert some.verdicts("R1") == {attempts[0]: 1}
    assert some.lines("R1") == []
    some.campaign("run", "R1", "--workers", "1")
    some.assert_judged_once("R1")
    assert some.lines("R1")[-1]["document"] or some.lines("R1")[0]["document"]
    # It is no verdict of another campaign on the same quanta.
    some.campaign("run", "R2", "--workers", "1")
    some.assert_judged_once("R2")


def test_a_worker_that_dies_between_the_two_is_replaced_in_the_same_run(some: Campaigns, tmp_path: Path) -> None:
    marker = tmp_path / "died"
    found = dying(some, tmp_path, f"if not os.path.exists({str(marker)!r}) and not open({str(marker)!r}, 'w').close():")
    found.create("R1", "--where", FIVE)
    found.campaign("run", "R1", "--workers", "1")
    assert marker.exists()
    found.assert_judged_once("R1")
    assert found.status("R1")["verdicts"]["failed"] == 0


def test_a_quantum_that_kills_its_worker_is_tried_three_times_and_the_others_are_judged(
    some: Campaigns, tmp_path: Path
) -> None:
    (tmp_path / "hook").mkdir()
    (tmp_path / "hook" / "sitecustomize.py").write_text(
        "import os, signal, sys\n"
        "if 'replay.campaign.worker' in sys.orig_argv:\n"
        "    from replay.jobs import registry\n"
        "    captured_job = registry.captured_job\n"
        "    def dying(index, attempt, secrets=None):\n"
        "        if attempt.manifest.job.name.startswith('coadd'):\n"
        "            os.kill(os.getpid(), signal.SIGSEGV)\n"
        "        return captured_job(index, attempt, secrets)\n"
        "    registry.captured_job = dying\n"
    )
    found = Campaigns(some.world, some.folder, {"PYTHONPATH": str(tmp_path / "hook")})
    found.create("R1", "--where", FIVE)
    told = found.campaign("run", "R1", "--workers", "1")
    assert "are tried again: the worker ended (signal 11)" in told
    status = found.status("R1")
    assert (status["judged"], status["verdicts"]["failed"], status["errors"]) == (5, 1, {"worker_lost": 1})
    (failed,) = (one for one in found.lines("R1") if one["verdict"] == "failed")
    assert (failed["task"], failed["tries"], failed["document"]) == ("coadd", 3, None)
    assert "signal 11" in failed["error"]
    found.campaign("gate", "R1", "--min", "81%", status=1)
    found.campaign("gate", "R1", "--min", "80%")


def test_an_environment_that_cannot_be_rebuilt_is_tried_three_times(few: Campaigns) -> None:
    few.forget_environments()
    few.create("R1", "--where", FIVE, "--task", "measure")
    blocked = few.world.root / "cache" / "venv"
    blocked.write_text("in the way")  # where environments are to be
    told = few.campaign("run", "R1", "--workers", "1")
    assert "are tried again" in told
    assert {(one["error_type"], one["tries"]) for one in few.lines("R1")} == {("build", 3)}
    blocked.unlink()


def test_what_the_payload_does_is_a_result_and_not_tried_again(few: Campaigns) -> None:
    few.edit_measure('raise RuntimeError("no stars")')
    few.create("R1", "--where", FIVE, "--code", "current")
    few.campaign("run", "R1", "--workers", "1")
    failed = [one for one in few.lines("R1") if one["verdict"] == "failed"]
    assert [(one["task"], one["tries"], one["error_type"]) for one in failed] == [("measure", 1, "replay_failed")] * 2
    assert all("no stars" in one["error"] for one in failed)
    few.campaign("gate", "R1", "--min", "99%", status=1)


@pytest.mark.parametrize("later", ["__import__('time').sleep(2); ", ""])
def test_a_payload_that_ends_its_server_takes_no_other_quantum_with_it(few: Campaigns, later: str) -> None:
    few.edit_measure(
        "import os, signal",
        "if seed[1] == 2026031400001:",
        f"    {later}os.kill(os.getppid(), signal.SIGKILL)",
        "    os.abort()",
    )
    few.create("R1", "--where", FIVE, "--code", "current")
    killer = "measure {instrument: StarCam, detector: 0, exposure: 2026031400001}"
    ordered = sorted(few.planned("R1"), key=lambda one: one["name"] != killer)
    request = {"quanta": [one["attempt"] for one in ordered], "tries": {}}
    told = judge(few, few.folder / "R1", request)
    assert [one["unjudged"] for one in told if "unjudged" in one] == []
    lines = few.lines("R1")
    assert sorted(one["attempt"] for one in lines) == sorted(request["quanta"])
    failed = [one for one in lines if one["verdict"] == "failed"]
    assert [(one["name"], one["error_type"]) for one in failed] == [(killer, "replay_failed")]
    assert "died without an answer" in failed[0]["error"]


WITHOUT_ENGINE = """
from envcap.errors import EngineError
from replay.session import ReplaySession

def finish(self, started):
    raise EngineError("the engine is gone")

ReplaySession.finish = finish
"""


def test_what_was_begun_and_not_waited_for_says_so(few: Campaigns) -> None:
    few.create("R1", "--where", FIVE)
    attempts = [one["attempt"] for one in few.planned("R1")]
    earlier = {one.manifest.attempt for one in few.index().attempts("replay_of IS NOT NULL")}
    told = judge(few, few.folder / "R1", {"quanta": attempts, "tries": {}}, WITHOUT_ENGINE)
    (unjudged,) = [one["unjudged"] for one in told if "unjudged" in one]
    assert sorted(unjudged) == sorted(attempts)
    replays = [one for one in few.index().attempts("replay_of IS NOT NULL") if one.manifest.attempt not in earlier]
    assert {one.manifest.replay_of for one in replays} == set(attempts[:3])
    assert len(replays) == 3
    for one in replays:
        assert one.result is not None
        assert (one.result.status, one.result.error) == ("failed", "ReplayFailedError: its end was not waited for")


def test_a_second_run_at_a_time_is_refused(some: Campaigns) -> None:
    some.create("R1", "--where", FIVE)
    first = some.start("run", "R1", "--workers", "1")
    try:
        while not list((some.folder / "R1").glob("permits/*")):
            assert first.poll() is None
        assert "R1 runs already" in some.campaign("run", "R1", status=3)
    finally:
        out, _ = first.communicate()
    assert first.returncode == 0, out
    some.assert_judged_once("R1")


def test_ctrl_c_ends_the_workers_and_says_how_to_go_on(some: Campaigns) -> None:
    some.create("R1", "--where", FIVE)
    running = some.start("run", "R1", "--workers", "1")
    while not some.lines("R1"):
        assert running.poll() is None
    os.kill(running.pid, 2)
    out, _ = running.communicate(timeout=120)
    assert running.returncode == 130, out
    assert "'replay campaign run R1' goes on" in out
    assert "Traceback" not in out
    assert list((some.folder / "R1" / "permits").iterdir()) == []
    some.campaign("run", "R1", "--workers", "1")
    some.assert_judged_once("R1")
