# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from pathlib import Path

import pytest

from replay.comparators.difference import Kind, changed
from replay.comparators.policies import EXACT, Policies
from replay.comparators.policy import DEFAULT, NEW_RUN, Policy, PolicyError, Verdict

RUN = changed(Kind.CARD, "card LSST BUTLER RUN", "LSST BUTLER RUN", "1", "2")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a directory of policies."""
    (tmp_path / "coadd.toml").write_text('dataset_type = ["coadd", "deep_*"]\nrtol = 1e-6')
    (tmp_path / "source.toml").write_text('dataset_type = ["source*"]\natol = 1')
    (tmp_path / "notes.txt").write_text("not a policy")
    return tmp_path


def test_each_dataset_type_has_its_own(folder: Path) -> None:
    policies = Policies.of(folder)
    assert policies.for_dataset("coadd").rtol == policies.for_dataset("deep_coadd").rtol == "1e-06"
    assert policies.for_dataset("sourceTable").atol == "1.0"
    assert policies.for_dataset("calibrated") == DEFAULT


def test_one_that_names_no_type_is_for_the_others(folder: Path) -> None:
    (folder / "all.toml").write_text("atol = 7")
    policies = Policies.of(folder)
    assert policies.for_dataset("coadd").rtol == "1e-06"
    assert policies.for_dataset("calibrated").atol == policies.for_files().atol == "7.0"


def test_two_for_one_type_are_an_error_that_names_both(folder: Path) -> None:
    (folder / "other.toml").write_text('dataset_type = ["co*"]')
    policies = Policies.of(folder)
    with pytest.raises(PolicyError) as caught:
        policies.for_dataset("coadd")
    told = "both are policies for 'coadd'; leave one"
    assert str(caught.value) == f"{folder / 'coadd.toml'} and {folder / 'other.toml'}: {told}"
    assert policies.for_dataset("deep_coadd").rtol == "1e-06"


def test_two_for_everything_are_an_error(folder: Path) -> None:
    for name in ("a", "b"):
        (folder / f"{name}.toml").write_text("")
    policies = Policies.of(folder)
    with pytest.raises(PolicyError, match="both are policies for 'calibrated'"):
        policies.for_dataset("calibrated")
    with pytest.raises(PolicyError, match="both are policies for any dataset"):
        policies.for_files()


def test_files_of_no_known_type(folder: Path) -> None:
    with pytest.raises(PolicyError, match="which a file doesn't tell; name one of them"):
        Policies.of(folder).for_files()
    assert Policies.of(folder / "coadd.toml").for_files().rtol == "1e-06"
    assert EXACT.for_files() == EXACT.for_dataset("x") == DEFAULT


def test_what_stands_for_policies(folder: Path) -> None:
    policies = Policies.of(folder)
    assert Policies.of(policies) is policies
    assert Policies.of(Policy(rtol="1")).for_dataset("x").rtol == "1"
    assert Policies.of(str(folder / "coadd.toml")).for_dataset("coadd").rtol == "1e-06"
    assert Policies.of(str(folder / "coadd.toml")).for_dataset("x") == DEFAULT


def test_a_new_run_is_one_for_all_of_them(folder: Path) -> None:
    policies = Policies.of(folder).for_new_run()
    for name in ("coadd", "calibrated"):
        assert policies.for_dataset(name).judge(False, [RUN]).verdict is Verdict.EQUAL
    assert policies.for_dataset("calibrated") == NEW_RUN
    assert policies.for_unknown_seed().default == NEW_RUN.for_unknown_seed()


def test_what_is_no_policy(folder: Path) -> None:
    (folder / "bad.toml").write_text("rtoll = 1")
    with pytest.raises(PolicyError, match=r"bad\.toml: unknown key 'rtoll'"):
        Policies.of(folder)
    (folder / "empty").mkdir()
    with pytest.raises(PolicyError, match=r"empty: no policies are here; their names end in \.toml"):
        Policies.of(folder / "empty")
    with pytest.raises(PolicyError, match="No such file"):
        Policies.of(folder / "absent")


def test_policies_are_read_back_from_their_document(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(
        'source = "s"\ndataset_type = ["coadd*"]\n'
        '[[tolerance]]\nwhere = "HDU IMAGE"\nrtol = "1e-6"\nulp = 4\nsource = "t"\n'
        '[[key]]\ntable = "*"\ncolumns = ["id", "band"]\nsource = "k"\n'
        '[[volatile]]\nplace = "card"\nname = "HOST"\nreason = "r"\n'
    )
    (tmp_path / "b.toml").write_text('source = "b"\nbitwise = true\n')
    policies = Policies.of(tmp_path).for_new_run()
    again = Policies.from_document(json.loads(json.dumps(policies.to_document())))
    assert again.digest == policies.digest
    assert again.for_dataset("coadd_deep").digest == policies.for_dataset("coadd_deep").digest
    assert again.for_dataset("other").bitwise
    assert Policies.from_document(EXACT.to_document()).digest == EXACT.digest
