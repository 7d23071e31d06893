# SPDX-License-Identifier: Apache-2.0
"""The suspects of jobs that were really run: the likeliest first, and what speaks for each."""

from __future__ import annotations

from pathlib import Path

from envcap.model.components import ImportedModules
from replay.explain.suspect import Suspect
from replay.explain.suspects import suspects_between

from .conftest import Shop

_NAMED = "import os\nopen('out.txt', 'w').write(os.environ['ONE'] + '\\n')\n"


def _suspects(warm: Shop, a: str, b: str) -> dict[str, Suspect]:
    return {one.title: one for one in warm.explain(a, b).suspects}


def test_a_variable_that_the_code_names_goes_before_one_that_it_does_not(warm: Shop) -> None:
    a = warm.python("a", _NAMED, ONE="1", TWO="1")
    b = warm.python("b", _NAMED, ONE="2", TWO="2")
    found = _suspects(warm, a, b)
    assert next(iter(found)) == "process_env: ONE"
    first, other = found["process_env: ONE"], found["process_env: TWO"]
    assert (first.before, first.after) == ("1", "2")
    assert first.evidence == ("the code names it: job.py:2 'ONE'",)
    assert other.evidence == ("no code of the job's names it",)
    assert first.score > 2 * other.score


def test_chance_comes_first_where_nothing_differs(warm: Shop) -> None:
    text = "import random\nopen('out.txt', 'w').write(str(random.random()))\n"
    a, b = (warm.python(folder, text) for folder in "ab")
    jobs = warm.job(a), warm.job(b)
    assert len({one.attempt.result.content_key for one in jobs if one.attempt.result}) == 1
    first = warm.explain(a, b).suspects[0]
    assert first.title == "unrecorded: chance"
    assert first.evidence[0].endswith("and yet the outputs differ")
    assert "the code asks for it: job.py:2 random.random()" in first.evidence


def test_a_clock_comes_first_where_the_code_asks_for_it_and_not_for_chance(warm: Shop) -> None:
    text = "import time\nopen('out.txt', 'w').write(str(time.time()))\n"
    found = _suspects(warm, *(warm.python(folder, text) for folder in "ab"))
    assert next(iter(found)) == "unrecorded: time"
    assert "the code asks for it: job.py:2 time.time()" in found["unrecorded: time"].evidence


def test_a_file_that_was_imported_goes_before_one_that_was_not(warm: Shop) -> None:
    text = "import used\nopen('out.txt', 'w').write(used.value)\n"
    attempts = []
    for folder, value in (("a", "1"), ("b", "2")):
        (warm.root / "code").mkdir(exist_ok=True)
        for name in ("used", "unused"):
            warm.write(f"code/{name}.py", f"value = '{value}'\n")
        attempts.append(warm.python(folder, text))
    found = _suspects(warm, *attempts)
    assert next(iter(found)) == "source: code/used.py"
    assert "the job imported it" in found["source: code/used.py"].evidence
    assert found["source: code/unused.py"].evidence == ("no module that the job imported",)


def test_the_script_itself_was_imported(warm: Shop) -> None:
    a, b = (warm.python(folder, f"open('out.txt', 'w').write('{folder}')\n") for folder in "ab")
    first = warm.explain(a, b).suspects[0]
    assert first.title == "source: code/job.py"
    assert "the job imported it" in first.evidence


def test_what_only_the_first_job_named_is_evidence(warm: Shop) -> None:
    a = warm.python("a", _NAMED, ONE="1")
    b = warm.python("b", "open('out.txt', 'w').write('none')\n", ONE="2")
    assert "the code names it: job.py:2 'ONE'" in _suspects(warm, a, b)["process_env: ONE"].evidence


def test_the_record_that_is_missing_leaves_it_open(warm: Shop) -> None:
    (warm.root / "code").mkdir()
    warm.write("code/known_here_only.py", "")
    a = warm.python("a", "import known_here_only\n" + _NAMED, ONE="1")
    b = warm.python("b", "import known_here_only\n" + _NAMED + "# longer\n", ONE="2")
    assert "the job imported it" in _suspects(warm, a, b)["source: code/job.py"].evidence
    results = [warm.job(one).attempt.result for one in (a, b)]
    for digest in {one.observed["imported_modules"].digest for one in results if one}:
        found = ImportedModules.from_bytes(warm.job(a).store.get(digest))
        assert list(found.code) == ["job", "known_here_only"]
        _remove(warm, digest)
    found_now = _suspects(warm, a, b)["source: code/job.py"]
    assert not {"the job imported it", "no module that the job imported"} & set(found_now.evidence)
    assert found_now.score > 40


def test_a_missing_document_is_told_by_the_difference(warm: Shop) -> None:
    a = warm.python("a", _NAMED, ONE="1")
    b = warm.python("b", _NAMED, ONE="of this test only")
    _remove(warm, warm.job(b).attempt.recipe.software["process_env"].digest)
    found = _suspects(warm, a, b)
    assert "process_env" in found
    assert "unrecorded: chance" in found


def _remove(shop: Shop, digest: str) -> None:
    (Path(shop.variables["ENVCAP_STORE"]) / "objects" / digest[7:9] / digest[9:]).unlink()


def test_two_attempts_of_a_store_are_enough(warm: Shop) -> None:
    a = warm.python("a", _NAMED, ONE="1")
    b = warm.python("b", _NAMED, ONE="2")
    index = warm.index()
    attempts = [warm.job(one).attempt for one in (a, b)]
    found = suspects_between(index, *attempts, [])
    assert found[0].title == "process_env: ONE"
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)
    assert [Suspect.from_json(one.to_json()).to_json() for one in found] == [one.to_json() for one in found]
