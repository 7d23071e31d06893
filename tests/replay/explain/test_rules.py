# SPDX-License-Identifier: Apache-2.0
"""What raises and what lowers a suspect: each rule, by tables of what is known."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from envcap.digest import digest_of_file
from envcap.model.components import LoadedLibrary
from envcap.model.result import FileRecord
from replay.comparators.difference import Difference, Kind, Leaf
from replay.explain.code_reading import read_code
from replay.explain.facts import Facts, Size
from replay.explain.rules.base import Raw, Weight
from replay.explain.rules.registry import RULES
from replay.explain.suspects import _NO_CAUSE


def _facts(**known: Any) -> Facts:
    """Return facts that are given instead of found."""
    code = read_code((path, text.encode()) for path, text in known.pop("code", {}).items())
    job = SimpleNamespace(numerics=1, attempt=SimpleNamespace(result=None))
    jobs = known.pop("jobs", (job, job))
    facts = Facts(*jobs, ())
    given = {"size": Size.LARGE, "used": frozenset(), "libraries": ({}, {}), "imported_code": frozenset(), "code": code}
    vars(facts).update({**given, **known})
    return facts


def _weigh(layer: str, name: str, before: str = "1", after: str = "2", **known: Any) -> Weight:
    return RULES[layer].weigh(Raw(layer, name, before, after), _facts(**known))


def _score(*raw: str, **known: Any) -> int:
    return _weigh(*raw, **known).score


READS = {"job.py": "x = config.detect.kernel\ny = os.environ['SEED']\n"}
Known = dict[str, Any]
READ: Known = {"code": READS}
RANDOM: Known = {"code": {"job.py": "np.random.default_rng()\n"}}
BOTH: Known = {"code": {"job.py": "np.random.default_rng(); time.time()\n"}}
SETS: Known = {"code": {"job.py": "x = set(y)\n"}}
USED: Known = {"used": frozenset({"python a"})}
OF_CONDA: Known = {"used": frozenset({"conda a"})}
OF_DPKG: Known = {"used": frozenset({"dpkg a"})}
IMPORTED: Known = {"imported_code": frozenset({"a.b"})}
IMPORTED_A: Known = {"imported_code": frozenset({"a"})}
ROUND_OFF: Known = {"size": Size.ROUND_OFF}

# The first is likelier than the second.
ORDERS: Mapping[str, tuple[tuple[tuple[str, ...], Known], tuple[tuple[str, ...], Known]]] = {
    "a field that the code reads": (
        (("configuration", "detect.kernel"), READ),
        (("configuration", "detect.other"), READ),
    ),
    "an element by its field": (
        (("configuration", "models['a.b'].kernel"), READ),
        (("configuration", "models['a.b'].no"), READ),
    ),
    "a field where more than last digits differ": (
        (("configuration", "kernel"), {}),
        (("configuration", "kernel"), ROUND_OFF),
    ),
    "a field over a package in use": ((("configuration", "kernel"), {}), (("python_dists", "a"), USED)),
    "a package in use over one that is not": ((("python_dists", "a"), USED), (("python_dists", "b"), USED)),
    "a package of which nothing is known over one that is not in use": (
        (("python_dists", "a"), {"used": None}),
        (("python_dists", "a"), {}),
    ),
    "a package in use over one of which nothing is known": (
        (("python_dists", "a"), USED),
        (("python_dists", "a"), {"used": None}),
    ),
    "a package of conda's in use": ((("conda", "a"), OF_CONDA), (("conda", "a"), {})),
    "a package that conda brought": ((("python_dists", "a"), OF_CONDA), (("python_dists", "a"), {})),
    "a system's package in use": ((("os_packages", "a.amd64"), OF_DPKG), (("os_packages", "a.amd64"), {})),
    "a distribution over a system's package": ((("python_dists", "a"), USED), (("os_packages", "a"), OF_DPKG)),
    "a variable that the code names": ((("process_env", "SEED"), READ), (("process_env", "OTHER"), READ)),
    "a variable that Python obeys in what the code does": (
        (("process_env", "PYTHONHASHSEED"), SETS),
        (("process_env", "PYTHONHASHSEED"), {}),
    ),
    "a time zone where local time is asked for": (
        (("process_env", "TZ"), {"code": {"job.py": "time.localtime()\n"}}),
        (("process_env", "TZ"), {}),
    ),
    "a variable that Python may obey over any other": (
        (("process_env", "PYTHONHASHSEED"), {}),
        (("process_env", "HOME"), {}),
    ),
    "a variable of Python's over any other": ((("process_env", "PYTHONOPTIMIZE"), {}), (("process_env", "HOME"), {})),
    "numerics where last digits differ": (
        (("numerics", "OMP_NUM_THREADS"), ROUND_OFF),
        (("numerics", "OMP_NUM_THREADS"), {}),
    ),
    "numerics over configuration where last digits differ": (
        (("numerics", "OMP_NUM_THREADS"), ROUND_OFF),
        (("configuration", "kernel"), ROUND_OFF),
    ),
    "numerics that the code names": ((("numerics", "SEED"), READ), (("numerics", "OTHER"), READ)),
    "kernels where last digits differ": (
        (("effective_numerics", "kernel"), ROUND_OFF),
        (("effective_numerics", "kernel"), {}),
    ),
    "another input over the order of inputs": ((("inputs", "flat {}"), {}), (("inputs", "order of raw"), {})),
    "the order of inputs where last digits differ": (
        (("inputs", "order of raw"), ROUND_OFF),
        (("inputs", "order of raw"), {}),
    ),
    "a file that was imported": ((("source", "stack/a/b.py"), IMPORTED), (("source", "stack/a/c.py"), IMPORTED)),
    "a package's own file": ((("source", "stack/a/__init__.py"), IMPORTED_A), (("source", "stack/a/c.py"), IMPORTED_A)),
    "a file of which nothing is known over one that was not imported": (
        (("source", "stack/a.py"), {"imported_code": None}),
        (("source", "stack/a.py"), {}),
    ),
    "a root over a file that was not imported": ((("source", "stack"), {}), (("source", "stack/a.py"), {})),
    "an edited file of a package in use": (
        (("installed_files", "lib/a.py", "—", "python a"), USED),
        (("installed_files", "lib/a.py", "—", "python a"), {}),
    ),
    "an edited file over how it was looked at": (
        (("installed_files", "lib/a.py", "—", "python a"), {}),
        (("installed_files", "method", "stat", "content"), {}),
    ),
    "another minor version over a patch": (
        (("interpreter", "", "CPython 3.11.4", "CPython 3.12.4"), {}),
        (("interpreter", "", "CPython 3.11.4", "CPython 3.11.9"), {}),
    ),
    "what a processor can do over how many there are": (
        (("hardware", "flags"), ROUND_OFF),
        (("hardware", "logical_cpus"), ROUND_OFF),
    ),
    "what a processor can do where last digits differ": (
        (("hardware", "flags"), ROUND_OFF),
        (("hardware", "flags"), {}),
    ),
    "the operating system over the container": ((("operating_system", "libc"), {}), (("container", "image"), {})),
    "products over the operating system": ((("eups", ""), {}), (("operating_system", "libc"), {})),
    "other work over another field": ((("work", "argv"), {}), (("configuration", "kernel"), {})),
    "chance that the code asks for": ((("unrecorded", "chance"), RANDOM), (("unrecorded", "chance"), {})),
    "chance over time": ((("unrecorded", "chance"), BOTH), (("unrecorded", "time"), BOTH)),
    "a field over chance": ((("configuration", "kernel"), {}), (("unrecorded", "chance"), RANDOM)),
}


@pytest.mark.parametrize("case", ORDERS)
def test_one_is_likelier_than_the_other(case: str) -> None:
    (likelier, known), (other, of_other) = ORDERS[case]
    assert _score(*likelier, **known) > _score(*other, **of_other)


@pytest.mark.parametrize(
    ("raw", "known", "told"),
    [
        (("configuration", "detect.kernel"), READ, "the code reads it: job.py:1 kernel"),
        (("process_env", "SEED"), READ, "the code names it: job.py:2 'SEED'"),
        (("process_env", "OTHER"), READ, "no code of the job's names it"),
        (("python_dists", "a"), USED, "the job loaded it (python a)"),
        (("python_dists", "a"), {}, "the job loaded nothing of it"),
        (("python_dists", "a"), {"used": None}, "whether the job used it isn't known"),
        (("source", "s/a.py"), IMPORTED_A, "the job imported it"),
        (("source", "s/a.py"), {}, "no module that the job imported"),
        (("source", "s/a.txt"), {}, "no Python code"),
        (("numerics", "X"), ROUND_OFF, "the outputs differ: round-off"),
        (("unrecorded", "time"), {}, "no call of the job's code is known to depend on it"),
        (("unrecorded", "chance"), {"code": {"j.py": "os.urandom(1)"}}, "the code asks for it: j.py:1 os.urandom()"),
    ],
)
def test_the_evidence_is_told(raw: tuple[str, ...], known: dict[str, Any], told: str) -> None:
    assert told in _weigh(*raw, **known).evidence


def test_where_the_outputs_are_not_known_the_worse_is_taken() -> None:
    for raw in (("numerics", "X"), ("configuration", "x")):
        scores = {size: _score(*raw, size=size) for size in Size}
        assert scores[Size.UNKNOWN] == max(scores[Size.LARGE], scores[Size.ROUND_OFF])
        assert scores[Size.STRUCTURAL] == scores[Size.LARGE]
        assert not [line for line in _weigh(*raw, size=Size.UNKNOWN).evidence if "outputs differ" in line]


def test_numerics_that_were_asked_for_explain_those_in_effect() -> None:
    jobs = tuple(SimpleNamespace(numerics=number, attempt=None) for number in (1, 2))
    raw = ("effective_numerics", "kernel")
    assert _score(*raw, **ROUND_OFF, jobs=jobs) < _score(*raw, **ROUND_OFF)


def _library(owner: str | None) -> LoadedLibrary:
    return LoadedLibrary(path="/x.so", owner=owner, build_id="a" * 40)


def test_a_library_that_nobody_brought_is_likelier_than_a_packages() -> None:
    stray, owned = (({"/x.so": _library(owner)}, {}) for owner in (None, "dpkg x"))
    raw = ("loaded_libraries", "/x.so")
    assert _score(*raw, libraries=stray) > _score(*raw, libraries=owned)
    assert _weigh(*raw, libraries=owned).evidence == ("dpkg x brought it",)


def _with_input(path: Path | None, dataset: str) -> SimpleNamespace:
    record = FileRecord(uri=f"file://{path}", digest=digest_of_file(str(path))[0], size=1) if path else None
    entries = [SimpleNamespace(dataset=dataset, file=record)]
    return SimpleNamespace(
        attempt=SimpleNamespace(result=SimpleNamespace(inputs=entries, content_key=None)), numerics=1
    )


def test_another_dataset_with_the_same_content_is_none(tmp_path: Path) -> None:
    for name, text in (("a", "1\n"), ("same", "1\n"), ("other", "2\n")):
        (tmp_path / f"{name}.txt").write_text(text)
    a = _with_input(tmp_path / "a.txt", "u1")
    scores = {
        name: _score("inputs", "flat {}", "u1", "u2", jobs=(a, _with_input(path, "u2")))
        for name, path in {"same": tmp_path / "same.txt", "other": tmp_path / "other.txt", "unknown": None}.items()
    }
    assert scores["same"] < 10 < scores["other"]
    assert scores["unknown"] == scores["other"]


def test_an_input_that_is_gone_is_not_excused(tmp_path: Path) -> None:
    for name, text in (("a", "1\n"), ("b", "2\n")):
        (tmp_path / f"{name}.txt").write_text(text)
    jobs = _with_input(tmp_path / "a.txt", "u1"), _with_input(tmp_path / "b.txt", "u2")
    (tmp_path / "a.txt").unlink()
    assert _score("inputs", "flat {}", "u1", "u2", jobs=jobs) > 50


def _with_key(key: str | None) -> SimpleNamespace:
    return SimpleNamespace(attempt=SimpleNamespace(result=SimpleNamespace(content_key=key)), numerics=1)


def test_the_same_content_key_leaves_nothing_but_chance_and_time() -> None:
    same, other = (_with_key("k"), _with_key("k")), (_with_key("k"), _with_key("l"))
    assert _score("unrecorded", "chance", jobs=same) > max(
        _score("configuration", "kernel", code=READS),
        _score("work", "argv"),
        _score("inputs", "flat", jobs=_no_inputs()),
    )
    assert _score("unrecorded", "chance", jobs=other) < 10
    assert _score("unrecorded", "chance", jobs=(_with_key(None), _with_key(None))) < 10
    assert _score("unrecorded", "chance", jobs=same) > _score("unrecorded", "time", jobs=same)


def _no_inputs() -> tuple[SimpleNamespace, SimpleNamespace]:
    job = SimpleNamespace(attempt=SimpleNamespace(result=None), numerics=1)
    return job, job


NUMBER = {"frontier": "2.0:1e-12"}


@pytest.mark.parametrize(
    ("differences", "expected"),
    [
        ([], Size.UNKNOWN),
        ([Difference("x", Kind.VALUE, "d", {"frontier": "0.0:1e-9 1000.0:1e-3"})], Size.ROUND_OFF),
        ([Difference("x", Kind.VALUE, "d", {"frontier": "0.0:1e-9 999.0:1e-3"})], Size.LARGE),
        (
            [Difference("x", Kind.VALUE, "d", NUMBER), Difference("y", Kind.VALUE, "d", {"frontier": "1.0:0.5"})],
            Size.LARGE,
        ),
        ([Difference("x", Kind.VALUE, "d", NUMBER), Difference("y", Kind.CARD, "d")], Size.ROUND_OFF),
        ([Difference("y", Kind.CARD, "d")], Size.LARGE),
        ([Difference("x", Kind.VALUE, "d")], Size.LARGE),
        ([Difference("x", Kind.VALUE, "d", NUMBER), Difference("y", Kind.SHAPE, "d")], Size.STRUCTURAL),
        ([Difference("x", Kind.NAN, "d")], Size.STRUCTURAL),
        ([Difference("x", Kind.BYTES, "d")], Size.STRUCTURAL),
    ],
)
def test_how_large_differences_are(differences: list[Difference], expected: Size) -> None:
    nobody: Any = SimpleNamespace()
    assert Facts(nobody, nobody, [Leaf(("x",), one) for one in differences]).size is expected


def test_no_two_rules_weigh_one_layer_and_none_weighs_what_is_no_cause() -> None:
    assert len(RULES) == sum(len(rule.layers) for rule in set(RULES.values()))
    assert not RULES.keys() & (_NO_CAUSE - {"loaded_libraries"})
