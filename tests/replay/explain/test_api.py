# SPDX-License-Identifier: Apache-2.0
"""`replay.explain` and `replay.bisect`, and what a notebook shows of a bisection."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import envcap
import replay
from envcap.errors import EnvcapError
from replay.explain.bisection import Bisection, Finding
from replay.explain.trial import Outcome
from tests.shown import shown

from .conftest import Shop

EVIL = "<img src=x onerror=alert(1)>"


@pytest.fixture
def pair(shop: Shop) -> tuple[str, str]:
    """Two jobs whose outputs differ because of a variable."""
    shop.write("job.sh", 'echo "$ONE" > out.txt\n')
    return shop.run("--output", "out.txt", ONE="1"), shop.run("--output", "out.txt", ONE="2", TWO="2")


def test_two_selectors_are_explained(shop: Shop, pair: tuple[str, str]) -> None:
    found = replay.explain(*pair)
    assert found.to_json() == shop.replay("explain", *pair, status=1)


def test_what_was_found_is_taken_as_well(pair: tuple[str, str]) -> None:
    jobs = [envcap.find(one) for one in pair]
    assert replay.explain(*jobs).to_json() == replay.explain(*pair).to_json()


def test_a_store_may_be_named(shop: Shop, pair: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENVCAP_STORE", str(shop.root / "nowhere"))
    with pytest.raises(EnvcapError):
        replay.explain(*pair)
    assert replay.explain(*pair, store=str(shop.root / "store")).a.manifest.attempt == pair[0]


@pytest.mark.parametrize(
    "first",
    ["", "import replay.explain.suspect", "from replay.explain import trial", "import replay.api", "replay.explain"],
)
def test_it_is_a_function_whatever_was_imported_before(first: str) -> None:
    code = f"import replay\n{first}\ntry:\n    replay.explain()\nexcept TypeError as err:\n    print(err)\n"
    done = subprocess.run([sys.executable, "-c", code * 2], capture_output=True, text=True, check=True)
    assert done.stdout.count("explain() missing 2 required positional arguments") == 2


def test_a_cause_is_found(shop: Shop, pair: tuple[str, str], capfd: pytest.CaptureFixture[str]) -> None:
    found = replay.bisect(*pair)
    assert [change.title for change in found.cause] == ["process_env: ONE"]
    assert "process_env: ONE: as B" in capfd.readouterr().err
    assert repr(found) == "<bisection of 2 changes: cause: process_env: ONE>"
    assert replay.bisect(*pair, quiet=True).to_json() == found.to_json()
    assert capfd.readouterr() == ("", "")


def test_the_command_says_what_the_notebook_shows(shop: Shop, pair: tuple[str, str]) -> None:
    told = shop.told("bisect", *pair, status=0)
    found = replay.bisect(*pair, quiet=True)
    assert told.stdout.splitlines() == list(found.lines())
    assert told.stdout.splitlines()[0].startswith("this alone turns A's outputs into B's (")
    assert told.stdout.splitlines()[1] == "  process_env: ONE: 1 → 2"
    seen = shown(found)
    assert all(line in seen.text for line in found.lines())
    assert seen.badges == ["cause", *(str(trial.outcome) for trial in found.trials)]
    assert list(seen.summaries) == [f"{len(found.trials)} re-runs"]
    assert "A as it was" in seen.text
    assert "A with all changes" in seen.text


@pytest.fixture
def found(pair: tuple[str, str]) -> Bisection:
    """The bisection of the two."""
    return replay.bisect(*pair, quiet=True)


def test_every_finding_has_its_words(found: Bisection) -> None:
    lines = {finding: next(replace(found, finding=finding).lines()) for finding in Finding}
    assert len(set(lines.values())) == len(Finding)
    both = replace(found, cause=found.changes, others="as A", notes=["a note"])
    assert next(both.lines()).startswith("these together turn A's outputs into B's")
    assert list(both.lines())[-2:] == ["with all other changes and without them: as A", "note: a note"]


def test_what_a_trial_says_is_shown_as_text(found: Bisection) -> None:
    failed = replace(found.trials[0], outcome=Outcome.FAILED, reason=EVIL)
    seen = shown(replace(found, trials=[failed], notes=[EVIL]))
    assert seen.badges == ["cause", "no outputs"]
    assert seen.text.count(EVIL) == 2


def test_a_foreign_job_needs_trust(shop: Shop, pair: tuple[str, str]) -> None:
    (shop.root / "key").unlink()
    with pytest.raises(EnvcapError, match="vouches for"):
        replay.bisect(*pair, quiet=True)
    assert replay.bisect(*pair, trust=True, quiet=True).finding is Finding.CAUSE


def test_a_policy_is_read_from_a_file(tmp_path: Path, pair: tuple[str, str]) -> None:
    with pytest.raises(EnvcapError, match="nowhere"):
        replay.bisect(*pair, policy=str(tmp_path / "nowhere.toml"))
    with pytest.raises(EnvcapError, match="nowhere"):
        replay.explain(*pair, policy=str(tmp_path / "nowhere.toml"))
