# SPDX-License-Identifier: Apache-2.0
"""The JSON document has the members that it is said to have, and the figures that the page has."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from examples.campaign import entry
from replay.campaign.report import json_document as module
from replay.campaign.report.data import ReportData
from replay.campaign.report.formats import report_text
from replay.campaign.report.json_document import MEDIA_TYPE, json_document


def read(data: ReportData) -> dict[str, Any]:
    """Return what a strict reader of JSON makes of a report."""

    def refuse(text: str) -> None:
        raise AssertionError(f"{text} is no JSON, or a float")

    found = json.loads(report_text(data, "json"), parse_constant=refuse, parse_float=refuse)
    assert isinstance(found, dict)
    return found


@pytest.fixture(scope="module")
def document(night: ReportData) -> dict[str, Any]:
    """Give the report on a night on which somebody broke the coadds."""
    return read(night)


def test_the_figures(document: dict[str, Any]) -> None:
    assert document["mediaType"] == MEDIA_TYPE
    assert (document["planned"], document["judged"], document["waiting"]) == (79, 76, 3)
    assert document["verdicts"] == {"identical": 60, "equal": 0, "equivalent": 4, "different": 10, "failed": 2}
    assert document["passed"]["equal"] == {"count": 60, "percentage": "78.94 %"}
    assert document["passed"]["equivalent"] == {"count": 64, "percentage": "84.21 %"}


def test_the_worst_is_first(document: dict[str, Any], night: ReportData) -> None:
    first = document["tasks"][0]
    assert (first["task"], first["verdicts"]["different"]) == ("coadd", 10)
    assert first["worst"] == document["quanta"][0]["attempt"]
    assert document["suspects"][0]["name"] == "starfield"
    assert document["layers"][0]["layer"] == "source"
    assert document["failures"][0] == {
        "error_type": "replay_failed",
        "quanta": 2,
        "messages": [["the payload ended with status 1: RuntimeError: no stars brighter than 50 sigma", 2]],
    }


def test_every_quantum_is_in_it_once(document: dict[str, Any], night: ReportData) -> None:
    listed = [one["attempt"] for one in document["quanta"]] + document["identical"]
    assert sorted(listed) == sorted(one.attempt for one in night.entries)
    assert [one["attempt"] for one in document["unfinished"]] == [one.attempt for one in night.waiting]


def test_differences_can_be_queried(document: dict[str, Any]) -> None:
    (output,) = document["quanta"][0]["outputs"]
    (image,) = (leaf for leaf in output["differences"] if leaf["path"] == ["HDU IMAGE", "pixels"])
    assert (image["kind"], image["measures"]["count"], image["measures"]["total"]) == ("value", 16384, 16384)
    assert document["quanta"][0]["replay"] in document["quanta"][0]["commands"][1]


def test_it_has_the_members_that_are_described(document: dict[str, Any]) -> None:
    described = re.findall(r"^    ([a-zA-Z]+(?:, [a-zA-Z]+)*)  +\S", module.__doc__ or "", flags=re.MULTILINE)
    assert {name for names in described for name in names.split(", ")} == set(document)


def test_without_quanta_it_has_the_same_members(document: dict[str, Any]) -> None:
    empty = read(ReportData("R1", (), ()))
    assert set(empty) == set(document)
    assert (empty["judged"], empty["passed"]["equal"]["percentage"]) == (0, "0 %")


def test_what_is_no_json_stays_out() -> None:
    leaf = {"path": ["a"], "kind": "value", "detail": "\ud800", "measures": {"max_abs": float("nan"), "count": 1}}
    document = {"outputs": [{"comparison": {"judgement": {"significant": [leaf]}}}]}
    odd = replace(entry("a", "\ud800", ("a",), verdict="different"), document=document)
    (one,) = read(ReportData("R1", (), [odd]))["quanta"]
    assert one["outputs"][0]["differences"][0]["measures"] == {"count": 1}
    assert json_document(ReportData("R1", (), [odd]))["quanta"][0]["name"] == "\ud800"
