# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pytest

from replay.comparators.difference import Difference, Kind, grouped
from replay.comparators.matching import Key
from replay.comparators.policy import DEFAULT, Policy, PolicyError, Verdict
from replay.comparators.rules import RowKey, Tolerance

WHOLE = """
source = "DM-1: what a change of the compiler may do"
dataset_type = ["coadd", "calibrated*"]
rtol = 1e-6
atol = "0.001"
[[tolerance]]
where = "HDU VARIANCE*"
ulp = 0
source = "copied from the input"
[[tolerance]]
where = "column *"
rtol = "1e-5"
atol = 0
ulp = 4
source = "round-off of a sum over nine exposures"
[[volatile]]
place = "card"
name = "HOST"
reason = "the node it ran on"
[[key]]
table = "*"
columns = ["id", "band"]
source = "primary key of the schema"
"""
FLOATS = {"frontier": "1.0:1e-07", "max_ulp": "1"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give where a policy is written to."""
    return tmp_path / "policy.toml"


def leaf(where: str) -> Difference:
    return Difference(where, Kind.VALUE, "1.0 → 1.0000001", FLOATS)


def test_every_key(path: Path) -> None:
    path.write_text(WHOLE)
    policy = Policy.from_toml(path)
    assert policy.source == "DM-1: what a change of the compiler may do"
    assert policy.dataset_types == ("coadd", "calibrated*")
    assert (policy.rtol, policy.atol, policy.bitwise) == ("1e-06", "0.001", False)
    assert policy.tolerances == (
        Tolerance("HDU VARIANCE*", None, None, 0, "copied from the input"),
        Tolerance("column *", "1e-05", "0.0", 4, "round-off of a sum over nine exposures"),
    )
    assert policy.keys == (RowKey(Key("*", ("id", "band")), "primary key of the schema"),)
    assert policy.matching.keys == (Key("*", ("id", "band")),)
    assert policy.volatile[-1].name == "HOST"


def test_the_first_tolerance_that_concerns_a_difference_decides(path: Path) -> None:
    path.write_text(WHOLE)
    policy = Policy.from_toml(path)
    for name, verdict in (("HDU VARIANCE", Verdict.DIFFERENT), ("HDU IMAGE", Verdict.EQUIVALENT)):
        assert policy.judge(False, grouped(name, [leaf("pixels")])).verdict is verdict
    assert policy.judge(False, grouped("HDU VARIANCE", [leaf("column x")])).verdict is Verdict.DIFFERENT
    judged = policy.judge(False, (*grouped("HDU VARIANCE", [leaf("pixels")]), leaf("column x"), leaf("pixels")))
    assert [str(one).split(":")[0] for one in judged.significant] == ["HDU VARIANCE / pixels"]
    assert [str(one).split(":")[0] for one in judged.tolerated] == ["column x", "pixels"]


def test_the_example_of_the_documentation_is_a_policy_with_every_key(path: Path) -> None:
    page = (Path(__file__).parents[3] / "docs" / "policies.md").read_text()
    path.write_text(page.partition("```toml\n")[2].partition("```")[0])
    document = Policy.from_toml(path).to_document()
    assert all(document[key] for key in ("tolerance", "key", "source", "dataset_type", "volatile"))
    assert {name for one in document["tolerance"] for name, value in one.items() if value is not None} == {
        "where", "rtol", "atol", "ulp", "source"}  # fmt: skip


def test_bitwise_takes_nothing_else(path: Path) -> None:
    path.write_text('bitwise = true\nsource = "an archive"')
    policy = Policy.from_toml(path)
    assert policy.judge(True, []).verdict is Verdict.IDENTICAL
    date = Difference("card DATE", Kind.CARD, "", {"name": "DATE"})
    for found in ([], [date]):
        judged = policy.judge(False, found)
        assert judged.verdict is policy.for_new_run().judge(False, found).verdict is Verdict.DIFFERENT
        assert judged.note == "the policy takes nothing but the same bytes"
        assert [one.difference for one in judged.significant] == found


def test_what_says_nothing_is_the_default(path: Path) -> None:
    path.write_text("bitwise = false")
    assert Policy.from_toml(path).digest == DEFAULT.digest


def test_the_digest_is_of_all_that_is_said(path: Path) -> None:
    digests = set()
    for line in WHOLE.strip().splitlines():
        if line.startswith("["):
            continue
        name, _, value = line.partition(" = ")
        other = '["x"]' if value.startswith("[") else '"card"' if name == "place" else "7" if name == "ulp" else '"8"'
        path.write_text(WHOLE.replace(line, f"{name} = {other}", 1))
        if other != value:
            digests.add(Policy.from_toml(path).digest)
    path.write_text(WHOLE)
    assert Policy.from_toml(path).digest not in digests
    assert len(digests) == 17


def test_the_digests_of_stored_verdicts_still_name_their_policies() -> None:
    assert set(DEFAULT.to_document()) == {"rtol", "atol", "volatile"}
    assert DEFAULT.digest == "sha256:9d6047669f58ba5aa06b7c1fbb8d9f60c9702f1674cdf8291b65244c51ba052b"


RULE = '[[tolerance]]\nwhere = "x"\nsource = "y"\n'
KEY = '[[key]]\ntable = "x"\nsource = "y"\n'


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("tolerances = 1", "unknown key 'tolerances'; a policy has atol, bitwise, dataset_type, key, rtol, source,"),
        ("bitwise = 1", "bitwise must be true or false, not 1"),
        ("bitwise = true\nrtol = 0", "bitwise leaves no room for rtol"),
        ("bitwise = true\n" + KEY + 'columns = ["a"]', "bitwise leaves no room for key"),
        ("bitwise = true\n" + RULE + "ulp = 1", "bitwise leaves no room for tolerance"),
        ('source = ""', "the policy needs a text for 'source'"),
        ("source = 3", "the policy needs a text for 'source'"),
        ('dataset_type = "coadd"', "the policy needs a list of texts for 'dataset_type'"),
        ("dataset_type = []", "the policy needs a list of texts for 'dataset_type'"),
        ("dataset_type = [1]", "the policy needs a list of texts for 'dataset_type'"),
        ("tolerance = 3", "tolerance must be an array of tables: [[tolerance]]"),
        ("[tolerance]\nulp = 1", "tolerance must be an array of tables: [[tolerance]]"),
        ("tolerance = [3]", "tolerance must be an array of tables: [[tolerance]]"),
        ('[[tolerance]]\nulp = 1\nsource = "y"', "tolerance needs a text for 'where'"),
        ('[[tolerance]]\nulp = 1\nwhere = "y"', "tolerance needs a text for 'source'"),
        (RULE, "tolerance of 'x' needs rtol, atol or ulp"),
        (RULE + "ulps = 1", "unknown key 'ulps' in tolerance; it has where, rtol, atol, ulp, source"),
        (RULE + "ulp = -1", "ulp must be a whole number from 0 to 2^53, not -1"),
        (RULE + "ulp = 1.5", "ulp must be a whole number from 0 to 2^53, not 1.5"),
        (RULE + "ulp = true", "ulp must be a whole number from 0 to 2^53, not True"),
        (RULE + "ulp = 9007199254740992", "ulp must be a whole number from 0 to 2^53"),
        (RULE + "rtol = -1", "rtol must be a finite number that is not negative, not -1"),
        (RULE + "atol = nan", "atol must be a finite number that is not negative, not nan"),
        ("key = {}", "key must be an array of tables: [[key]]"),
        (KEY, "key needs a list of texts for 'columns'"),
        (KEY + 'columns = "id"', "key needs a list of texts for 'columns'"),
        (KEY + 'columns = ["id"]\ncolumn = 1', "unknown key 'column' in key; it has table, columns, source"),
        ('[[key]]\ntable = "x"\ncolumns = ["id"]', "key needs a text for 'source'"),
        ('[[key]]\nsource = "x"\ncolumns = ["id"]', "key needs a text for 'table'"),
        ("rtol = 1" + "0" * 4200, "rtol must be a finite number"),
        (RULE + "ulp = 1" + "0" * 4200, "ulp must be a whole number"),
    ],
)
def test_a_bad_policy_file_is_one_clear_line(path: Path, text: str, error: str) -> None:
    path.write_text(text)
    with pytest.raises(PolicyError) as caught:
        Policy.from_toml(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert error in str(caught.value)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 400
    assert caught.value.exit_code == 2
