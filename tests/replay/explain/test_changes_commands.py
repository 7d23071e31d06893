# SPDX-License-Identifier: Apache-2.0
"""The changes of commands that were really run: found exactly, and with all of them a recipe is the other's."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from envcap.trust.verify import AUTHENTIC
from replay.explain.changes.registry import changes_between
from replay.explain.hybrid import hybrid
from replay.explain.trial_store import TrialStore
from replay.fidelity import Fidelity
from replay.jobs.base import CapturedJob
from replay.options import Options

from .conftest import Shop

_JOB = "import os\nopen('out.txt', 'w').write(os.environ.get('ONE', ''))\n"


@pytest.fixture
def store(tmp_path: Path) -> Callable[[CapturedJob, CapturedJob], TrialStore]:
    """Give a function that returns a store for hybrids of two jobs."""

    def make(a: CapturedJob, b: CapturedJob) -> TrialStore:
        made = TrialStore(str(tmp_path / "trials"), a.store, b.store)
        made.create()
        return made

    return make


def _titles(a: CapturedJob, b: CapturedJob) -> list[str]:
    return [change.title for change in changes_between(a, b)]


def _software(job: CapturedJob) -> dict[str, str]:
    return {kind: one.digest for kind, one in job.attempt.recipe.software.items()}


def _check_all(a: CapturedJob, b: CapturedJob, store: TrialStore) -> CapturedJob:
    """Check that the first with all changes is the second, and without any itself, both ways."""
    for first, second in ((a, b), (b, a)):
        changes = changes_between(first, second)
        whole = hybrid(first, second, changes, store)
        assert _software(whole) == _software(second)
        assert whole.attempt.recipe.work == second.attempt.recipe.work
        assert whole.attempt.recipe.to_bytes() == second.attempt.recipe.to_bytes()
        Options().plan(hybrid(first, second, changes[:1], store)).check(Fidelity.SUBSTITUTED)
        assert hybrid(first, second, [], store).attempt.recipe.to_bytes() == first.attempt.recipe.to_bytes()
        for change in changes:
            one = hybrid(first, second, [change], store)
            assert _titles(first, one) == [change.title]
    return hybrid(a, b, changes_between(a, b), store)


Store = Callable[[CapturedJob, CapturedJob], TrialStore]


def test_words_configuration_inputs_and_variables(warm: Shop, store: Store) -> None:
    for name in ("settings.txt", "in.txt", "old.txt", "new.txt"):
        warm.write(name, "1\n")
    warm.write("job.sh", "cat in.txt > out.txt\n")
    shared = ("--config", "settings.txt", "--output", "out.txt", "--input", "in.txt")
    a = warm.run(*shared, "--input", "old.txt", ONE="1", TWO="2", OMP_NUM_THREADS="1")
    warm.write("settings.txt", "2\n")
    warm.write("in.txt", "2\n")
    mask = os.umask(0o027)
    try:
        words = ("sh", "job.sh", "more")
        b = warm.run(*shared, "--input", "new.txt", command=words, ONE="x", THREE="3", OMP_NUM_THREADS="2")
    finally:
        os.umask(mask)
    jobs = warm.job(a), warm.job(b)
    assert _titles(*jobs) == [
        "work: argv",
        "configuration: settings.txt",
        "inputs: in.txt",
        "inputs: new.txt",
        "inputs: old.txt",
        "numerics: OMP_NUM_THREADS",
        "process_env: ONE",
        "process_env: THREE",
        "process_env: TWO",
        "process_env: umask",
    ]
    _check_all(*jobs, store(*jobs))


def test_code_that_is_loose(warm: Shop, store: Store) -> None:
    for path in ("code/same.py", "code/changed.py", "code/gone.py"):
        (warm.root / "code").mkdir(exist_ok=True)
        warm.write(path, "value = 1\n")
    a = warm.python("a", _JOB, ONE="1")
    warm.write("code/changed.py", "value = 2\n")
    warm.write("code/new.py", "value = 1\n")
    (warm.root / "code" / "gone.py").unlink()
    b = warm.python("b", _JOB, ONE="1")
    jobs = warm.job(a), warm.job(b)
    assert _titles(*jobs) == ["source: code/changed.py", "source: code/gone.py", "source: code/new.py"]
    _check_all(*jobs, store(*jobs))


@pytest.mark.slow
def test_roots_of_code_that_only_one_has(warm: Shop, store: Store) -> None:
    for name in ("one", "two", "three"):
        (warm.root / name).mkdir()
        warm.write(f"{name}/{name}.py", "value = 1\n")
    paths = {name: str(warm.root / name) for name in ("one", "two", "three")}
    a = warm.python("a", _JOB, ONE="1", PYTHONPATH=os.pathsep.join((paths["one"], paths["two"])))
    b = warm.python("b", _JOB, ONE="1", PYTHONPATH=paths["three"])
    jobs = warm.job(a), warm.job(b)
    assert _titles(*jobs) == ["source: three", "source: one", "source: two"]
    made = _check_all(*jobs, store(*jobs))
    assert [dict(one)["path"] for one in made.places["source"]["roots"]] == [
        dict(one)["path"] for one in jobs[1].places["source"]["roots"]
    ]


def test_a_hybrid_is_trusted_as_much_as_the_worse_of_its_parents(shop: Shop, store: Store) -> None:
    shop.write("job.sh", "echo $ONE > out.txt\n")
    a = shop.run("--output", "out.txt", ONE="1")
    (shop.root / "key").unlink()
    b = shop.run("--output", "out.txt", ONE="2")
    jobs = shop.job(a), shop.job(b)
    made = hybrid(*jobs, changes_between(*jobs), store(*jobs))
    assert jobs[0].authenticity.status != AUTHENTIC == jobs[1].authenticity.status
    assert made.authenticity == jobs[0].authenticity
    assert Options().plan(made).fidelity is Fidelity.IMPOSSIBLE
    Options(trust=True).plan(made).check(Fidelity.SUBSTITUTED)
