# SPDX-License-Identifier: Apache-2.0
"""The suspects of jobs that were really run: the likeliest first, and what speaks for each."""

from __future__ import annotations

from envcap.model.components import ImportedModules
from replay.explain.suspect import Suspect
from replay.explain.suspects import suspects_between

from .conftest import Shop

_NAMED = "import os\nopen('out.txt', 'w').write(os.environ['ONE'] + '\\n')\n"


def _suspects(shop: Shop, a: str, b: str) -> dict[str, Suspect]:
    return {one.title: one for one in shop.explain(a, b).suspects}


def test_a_variable_that_the_code_names_goes_before_one_that_it_does_not(shop: Shop) -> None:
    a = shop.python("a", _NAMED, ONE="1", TWO="1")
    b = shop.python("b", _NAMED, ONE="2", TWO="2")
    found = _suspects(shop, a, b)
    assert next(iter(found)) == "process_env: ONE"
    first, other = found["process_env: ONE"], found["process_env: TWO"]
    assert (first.before, first.after) == ("1", "2")
    assert first.evidence == ("the code names it: job.py:2 'ONE'",)
    assert other.evidence == ("no code of the job's names it",)
    assert first.score > 2 * other.score


def test_chance_comes_first_where_nothing_differs(shop: Shop) -> None:
    text = "import random\nopen('out.txt', 'w').write(str(random.random()))\n"
    a, b = (shop.python(folder, text) for folder in "ab")
    jobs = shop.job(a), shop.job(b)
    assert len({one.attempt.result.content_key for one in jobs if one.attempt.result}) == 1
    first = shop.explain(a, b).suspects[0]
    assert first.title == "unrecorded: chance"
    assert first.evidence[0].endswith("and yet the outputs differ")
    assert "the code asks for it: job.py:2 random.random()" in first.evidence


def test_a_clock_comes_first_where_the_code_asks_for_it_and_not_for_chance(shop: Shop) -> None:
    text = "import time\nopen('out.txt', 'w').write(str(time.time()))\n"
    found = _suspects(shop, *(shop.python(folder, text) for folder in "ab"))
    assert next(iter(found)) == "unrecorded: time"
    assert "the code asks for it: job.py:2 time.time()" in found["unrecorded: time"].evidence


def test_a_file_that_was_imported_goes_before_one_that_was_not(shop: Shop) -> None:
    text = "import used\nopen('out.txt', 'w').write(used.value)\n"
    attempts = []
    for folder, value in (("a", "1"), ("b", "2")):
        (shop.root / "code").mkdir(exist_ok=True)
        for name in ("used", "unused"):
            shop.write(f"code/{name}.py", f"value = '{value}'\n")
        attempts.append(shop.python(folder, text))
    found = _suspects(shop, *attempts)
    assert next(iter(found)) == "source: code/used.py"
    assert "the job imported it" in found["source: code/used.py"].evidence
    assert found["source: code/unused.py"].evidence == ("no module that the job imported",)


def test_the_script_itself_was_imported(shop: Shop) -> None:
    a, b = (shop.python(folder, f"open('out.txt', 'w').write('{folder}')\n") for folder in "ab")
    first = shop.explain(a, b).suspects[0]
    assert first.title == "source: code/job.py"
    assert "the job imported it" in first.evidence


def test_what_only_the_first_job_named_is_evidence(shop: Shop) -> None:
    a = shop.python("a", _NAMED, ONE="1")
    b = shop.python("b", "open('out.txt', 'w').write('none')\n", ONE="2")
    assert "the code names it: job.py:2 'ONE'" in _suspects(shop, a, b)["process_env: ONE"].evidence


def test_the_record_that_is_missing_leaves_it_open(shop: Shop) -> None:
    a = shop.python("a", _NAMED, ONE="1")
    b = shop.python("b", _NAMED + "# longer\n", ONE="2")
    jobs = shop.job(a), shop.job(b)
    for job in jobs:
        assert job.attempt.result is not None
        digest = job.attempt.result.observed["imported_modules"].digest
        assert ImportedModules.from_bytes(job.store.get(digest)).code == ("job",)
        (shop.root / "store" / "objects" / digest[7:9] / digest[9:]).unlink(missing_ok=True)
    found = _suspects(shop, a, b)["source: code/job.py"]
    assert "no module that the job imported" not in found.evidence
    assert found.score > 40


def test_a_missing_document_is_told_by_the_difference(shop: Shop) -> None:
    a = shop.python("a", _NAMED, ONE="1")
    b = shop.python("b", _NAMED, ONE="2")
    digest = shop.job(b).attempt.recipe.software["process_env"].digest
    (shop.root / "store" / "objects" / digest[7:9] / digest[9:]).unlink()
    found = _suspects(shop, a, b)
    assert "process_env" in found
    assert "unrecorded: chance" in found


def test_two_attempts_of_a_store_are_enough(shop: Shop) -> None:
    a = shop.python("a", _NAMED, ONE="1")
    b = shop.python("b", _NAMED, ONE="2")
    index = shop.index()
    attempts = [shop.job(one).attempt for one in (a, b)]
    found = suspects_between(index, *attempts, [])
    assert found[0].title == "process_env: ONE"
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)
    assert [Suspect.from_json(one.to_json()) for one in found] == found
