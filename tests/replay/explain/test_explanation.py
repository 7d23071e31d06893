# SPDX-License-Identifier: Apache-2.0
"""`replay explain`, as a user has it: what differs, the suspects, and a status that never calls unknown the same."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.shown import shown

from .conftest import Shop

_NAMED = "import os\nopen('out.txt', 'w').write(os.environ['ONE'] + '\\n')\n"
EVIL = "<img src=x onerror=alert(1)>"


@pytest.fixture
def pair(warm: Shop) -> tuple[str, str]:
    """Two jobs whose outputs differ because of a variable."""
    return warm.python("a", _NAMED, ONE="1", TWO="1"), warm.python("b", _NAMED, ONE="2", TWO="2")


def test_outputs_that_differ_are_compared_and_the_status_is_one(warm: Shop, pair: tuple[str, str]) -> None:
    document = warm.replay("explain", *pair, status=1)
    assert (document["a"], document["b"], document["different"]) == (*pair, True)
    (output,) = document["outputs"]
    assert (output["name"], output["differs"]) == ("output:out.txt", True)
    assert output["comparison"]["judgement"]["verdict"] == "different"
    assert document["suspects"][0]["name"] == "ONE"


def test_a_person_reads_the_likeliest_first(warm: Shop, pair: tuple[str, str]) -> None:
    done = warm.told("explain", *pair, status=1)
    lines = [line.strip() for line in done.stdout.splitlines()]
    assert lines[0] == "output:out.txt: different"
    number = lines.index("1  process_env: ONE")
    assert lines[number + 1 : number + 3] == ["1 → 2", "· the code names it: job.py:2 'ONE'"]
    assert done.stderr == ""


def test_few_suspects_are_shown_unless_all_are_asked_for(warm: Shop) -> None:
    names = [f"V{number}" for number in range(15)]
    kept = [word for name in names for word in ("--env", name)]
    text = "open('out.txt', 'w').write('same')\n"
    a, b = (warm.python(folder, text, *kept, **dict.fromkeys(names, folder)) for folder in "ab")
    few, everything = (warm.told("explain", a, b, *more, status=0).stdout for more in ((), ("--all",)))
    assert "and 7 less likely: --all" in few
    assert few.count("process_env") == 10
    assert everything.count("process_env") == 15
    assert "less likely" not in everything


def test_the_same_outputs_have_status_zero(warm: Shop) -> None:
    text = "open('out.txt', 'w').write('same')\n"
    a, b = warm.python("a", text, ONE="1"), warm.python("b", text, ONE="2")
    document = warm.replay("explain", a, b, status=0)
    assert document["different"] is False
    assert document["outputs"][0]["unknown"] == "both made the same bytes"
    told = warm.told("explain", a, b, status=0).stdout
    assert "no output differs; what differs besides:" in told
    assert "process_env: ONE" in told


@pytest.mark.parametrize("how", ["gone", "another", "a directory"])
def test_an_output_that_is_gone_is_not_taken_for_the_same(warm: Shop, pair: tuple[str, str], how: str) -> None:
    path = warm.root / "a" / "out.txt"
    path.unlink()
    if how == "another":
        path.write_text("2\n")  # as the other wrote
    elif how == "a directory":
        path.mkdir()
    document = warm.replay("explain", *pair, status=1)
    assert document["different"] is None
    (output,) = document["outputs"]
    assert output["differs"] is None
    assert output["unknown"] == f"their bytes differ, but {path} is gone, or not what the job wrote any more"
    assert document["suspects"][0]["name"] == "ONE"
    assert "no output differs" not in warm.told("explain", *pair, status=1).stdout


def test_one_output_that_is_gone_is_no_excuse_for_all(warm: Shop) -> None:
    text = _NAMED + "open('same.txt', 'w').write('same')\n"
    a, b = (warm.python(name, text, "--output", "same.txt", ONE=name) for name in "ab")
    (warm.root / "a" / "out.txt").unlink()
    document = warm.replay("explain", a, b, status=1)
    assert {one["name"]: one["differs"] for one in document["outputs"]} == {
        "output:out.txt": None,
        "output:same.txt": False,
    }
    assert document["different"] is None


def test_other_jobs_have_other_outputs(warm: Shop) -> None:
    a = warm.python("a", _NAMED, ONE="1")
    more = _NAMED + "open('more.txt', 'w').write('more')\n"
    b = warm.python("b", more, "--output", "more.txt", ONE="1")
    for pair, said in (((a, b), "only the second made it"), ((b, a), "only the first made it")):
        document = warm.replay("explain", *pair, status=1)
        assert {one["name"]: one["unknown"] for one in document["outputs"]} == {
            "output:out.txt": "both made the same bytes",
            "output:more.txt": said,
        }
        assert document["different"] is True


def test_a_job_is_the_same_as_itself(warm: Shop, pair: tuple[str, str]) -> None:
    document = warm.replay("explain", pair[0], pair[0], status=0)
    assert [one["name"] for one in document["suspects"]] == ["chance", "time"]


@pytest.mark.parametrize(
    ("a", "b", "status", "told"),
    [
        ("nonsense", "{b}", 1, "nonsense"),
        ("{a}", "attempt:0000", 1, "0000"),
        ("{a}", "{b} --policy nowhere.toml", 2, "nowhere.toml"),
        ("{a}", "", 2, "required: B"),
    ],
)
def test_a_mistake_is_one_clear_line(warm: Shop, pair: tuple[str, str], a: str, b: str, status: int, told: str) -> None:
    words = f"{a} {b}".format(a=pair[0], b=pair[1]).split()
    done = warm.told("explain", *words, status=status)
    assert told in done.stderr
    assert done.stdout == ""
    assert len([line for line in done.stderr.splitlines() if not line.startswith(("usage:", " "))]) == 1


def test_a_job_without_outputs_can_not_be_explained(warm: Shop) -> None:
    warm.write("job.sh", "true\n")
    a, b = warm.run(), warm.run()
    done = warm.told("explain", a, b, status=3)
    assert "the job declared no output" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_job_that_failed_can_not_be_explained(warm: Shop, pair: tuple[str, str]) -> None:
    with pytest.raises(subprocess.CalledProcessError):
        warm.python("c", "raise SystemExit(3)\n")
    failed = max(one.manifest.attempt for one in warm.index().attempts("replay_of IS NULL"))
    done = warm.told("explain", pair[0], failed, status=3)
    assert "the attempt is failed: nothing to compare with" in done.stderr


def test_an_output_is_as_good_as_an_id(warm: Shop, pair: tuple[str, str]) -> None:
    words = (str(warm.root / name / "out.txt") for name in "ab")
    document = warm.replay("explain", *words, status=1)
    assert (document["a"], document["b"]) == pair


def test_nothing_is_written(warm: Shop, pair: tuple[str, str]) -> None:
    def files() -> dict[Path, bytes]:
        found = [*Path(warm.variables["ENVCAP_STORE"]).rglob("*"), *warm.root.rglob("*")]
        return {path: path.read_bytes() for path in found if path.is_file() and "index" not in path.name}

    before = files()
    warm.told("explain", *pair, status=1)
    assert files() == before


def test_a_notebook_shows_as_much(warm: Shop) -> None:
    text = "import os\nopen('out.txt', 'w').write(os.environ['ONE'] + '\\n')\n"
    a, b = warm.python("a", text, ONE="1"), warm.python("b", text, ONE=EVIL)
    found = warm.explain(a, b)
    seen = shown(found)
    assert seen.badges == ["different"]
    assert f"process_env: ONE1{EVIL}" in seen.text
    assert "the code names it" in seen.text
    assert repr(found) == f"<why {a} and {b} differ: process_env: ONE first>"


def test_a_notebook_shows_what_is_the_same_and_what_is_not_known(warm: Shop, pair: tuple[str, str]) -> None:
    assert shown(warm.explain(pair[0], pair[0])).badges == ["identical"]
    (warm.root / "b" / "out.txt").unlink()
    seen = shown(warm.explain(*pair))
    assert seen.badges == ["unknown"]
    assert "is gone, or not what the job wrote any more" in seen.text
