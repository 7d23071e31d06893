# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from replay.comparators.difference import Difference, Kind, changed, grouped
from replay.comparators.policy import DEFAULT, NEW_RUN, Policy, PolicyError, Verdict, Volatile, worst

DATE = changed(Kind.CARD, "card DATE", "DATE", "'a'", "'b'")
FLOATS = Difference("pixels", Kind.VALUE, "1.0 → 1.1", {"frontier": "1.0:0.1"})
NAN = Difference("pixels", Kind.NAN, "1 NaN", {"count": 1})


def card(name: str, kind: Kind = Kind.CARD) -> Difference:
    return changed(kind, f"card {name}", name, "1", "2")


def test_identical_bytes_need_no_measurement() -> None:
    assert DEFAULT.judge(True, []).verdict is Verdict.IDENTICAL


def test_bytes_that_differ_where_no_value_does() -> None:
    judgement = DEFAULT.judge(False, [])
    assert judgement.verdict is Verdict.EQUAL
    assert judgement.note == "the bytes of the files differ though no value does"
    assert DEFAULT.judge(False, [DATE]).note == ""


def test_every_leaf_is_put_under_what_it_was_taken_for() -> None:
    tree = grouped("HDU A", [DATE, FLOATS, NAN])
    judgement = Policy(atol="0.2").judge(False, tree)
    assert judgement.verdict is Verdict.DIFFERENT
    assert [leaf.path for leaf in judgement.significant] == [("HDU A", "pixels")]
    assert [leaf.difference.kind for leaf in judgement.significant] == [Kind.NAN]
    assert [leaf.difference for leaf in judgement.volatile] == [DATE]
    assert [leaf.difference for leaf in judgement.tolerated] == [FLOATS]
    document = json.loads(json.dumps(judgement.to_json()))
    assert document["verdict"] == "different"
    assert document["volatile"][0]["path"] == ["HDU A", "card DATE"]


@pytest.mark.parametrize(
    ("policy", "verdict"),
    [
        (DEFAULT, Verdict.DIFFERENT),
        (Policy(rtol="0.1"), Verdict.EQUIVALENT),
        (Policy(rtol="0.09"), Verdict.DIFFERENT),
        (Policy(atol="0.1"), Verdict.EQUIVALENT),
        (Policy(rtol="0.05", atol="0.05"), Verdict.EQUIVALENT),
        (Policy(rtol="0", atol="0"), Verdict.DIFFERENT),
    ],
)
def test_tolerance(policy: Policy, verdict: Verdict) -> None:
    assert policy.judge(False, [FLOATS, DATE]).verdict is verdict


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.GROUP])
def test_no_kind_is_excused_without_a_reason(kind: Kind) -> None:
    found = Difference("x", kind, "detail", {"name": "EXPTIME"})
    assert Policy(rtol="1e9", atol="1e9").for_new_run().judge(False, [found]).verdict is Verdict.DIFFERENT


@pytest.mark.parametrize("name", ["DATE", "CHECKSUM", "DATASUM", "ZDITHER0"])
def test_volatile_by_default(name: str) -> None:
    assert DEFAULT.judge(False, [card(name)]).verdict is Verdict.EQUAL
    assert DEFAULT.judge(False, [card(name, Kind.METADATA)]).verdict is Verdict.DIFFERENT


@pytest.mark.parametrize("name", ["DATE-OBS", "XDATE", "date", "MJD", "HISTORY", "LSST BUTLER RUN", ""])
def test_not_volatile_by_default(name: str) -> None:
    assert DEFAULT.judge(False, [card(name)]).verdict is Verdict.DIFFERENT


@pytest.mark.parametrize("words", ["ID", "RUN", "QUANTUM", "INPUT 0 ID", "INPUT 12 RUN"])
def test_volatile_in_a_new_run(words: str) -> None:
    for kind, name in ((Kind.CARD, f"LSST BUTLER {words}"), (Kind.METADATA, f"LSST.BUTLER.{words.replace(' ', '.')}")):
        assert NEW_RUN.judge(False, [card(name, kind)]).verdict is Verdict.EQUAL
        assert DEFAULT.judge(False, [card(name, kind)]).verdict is Verdict.DIFFERENT


@pytest.mark.parametrize(
    "words", ["N_INPUTS", "DATASETTYPE", "DATAID VISIT", "INPUT 0 DATASETTYPE", "INPUT X ID", "INPUT ID"]
)
def test_still_judged_in_a_new_run(words: str) -> None:
    assert NEW_RUN.judge(False, [card(f"LSST BUTLER {words}")]).verdict is Verdict.DIFFERENT


def test_dots_in_names_are_dots() -> None:
    assert NEW_RUN.judge(False, [card("LSSTxBUTLERxRUN", Kind.METADATA)]).verdict is Verdict.DIFFERENT


def test_the_worst_verdict_counts() -> None:
    assert worst([Verdict.EQUAL, Verdict.IDENTICAL]) is Verdict.EQUAL
    assert worst(reversed(Verdict)) is Verdict.FAILED
    assert worst([Verdict.EQUIVALENT, Verdict.DIFFERENT, Verdict.EQUAL]) is Verdict.DIFFERENT
    with pytest.raises(ValueError):
        worst([])


def test_the_document_names_the_policy() -> None:
    document = NEW_RUN.to_document()
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert NEW_RUN.digest == f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
    assert {"place": "card", "name": "DATE", "reason": "when the file was written"} in document["volatile"]
    assert all(one["reason"] for one in document["volatile"])
    assert len({DEFAULT.digest, NEW_RUN.digest, Policy(rtol="1e-6").digest, Policy(atol="1e-6").digest}) == 4


def test_the_digest_does_not_depend_on_order_or_repetition() -> None:
    a, b = Volatile("card", "A", "x"), Volatile("card", "B", "y")
    assert Policy(volatile=(a, b, a)).digest == Policy(volatile=(b, a)).digest


def test_a_policy_file(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(
        'rtol = 1e-6\natol = "0.001"\n[[volatile]]\nplace = "card"\nname = "HOST #"\nreason = "the node it ran on"\n'
    )
    policy = Policy.from_toml(path)
    assert (policy.rtol, policy.atol) == ("1e-06", "0.001")
    assert policy.judge(False, [card("HOST 7"), DATE]).verdict is Verdict.EQUAL
    assert policy.for_new_run().judge(False, [card("LSST BUTLER RUN")]).verdict is Verdict.EQUAL
    path.write_text("")
    assert Policy.from_toml(path) == DEFAULT


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("rtoll = 1e-6", "unknown key 'rtoll'"),
        ('[[volatile]]\nplace = "card"\nname = "A"\nreason = "x"\nwhy = 1', "unknown key 'why' in volatile"),
        ('[[volatile]]\nplace = "card"\nname = "A"', "volatile needs a text for 'reason'"),
        ('[[volatile]]\nplace = "pixel"\nname = "A"\nreason = "x"', "place must be 'card' or 'metadata', not 'pixel'"),
        ("volatile = 3", "volatile must be an array of tables"),
        ("volatile = [3]", "volatile must be an array of tables"),
        ("rtol = -1.0", "rtol must be a finite number that is not negative, not -1.0"),
        ("atol = inf", "atol must be a finite number"),
        ("atol = true", "atol must be a finite number"),
        ('atol = "much"', "atol must be a finite number"),
        ("atol = [1]", "atol must be a finite number"),
        ("rtol = ", "Invalid value"),
    ],
)
def test_a_bad_policy_file_is_one_clear_error(tmp_path: Path, text: str, error: str) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(text)
    with pytest.raises(PolicyError) as caught:
        Policy.from_toml(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert error in str(caught.value)


def test_an_unreadable_policy_file(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="No such file"):
        Policy.from_toml(tmp_path / "absent.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff")
    with pytest.raises(PolicyError):
        Policy.from_toml(tmp_path / "binary.toml")
