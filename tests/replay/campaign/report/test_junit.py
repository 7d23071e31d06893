# SPDX-License-Identifier: Apache-2.0
"""JUnit XML: what readers of continuous integration count is what the campaign came to."""

from __future__ import annotations

import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from examples.campaign import entry
from replay.campaign.report.data import ReportData, Waiting
from replay.campaign.report.junit import junit_document

_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 has no way to write (section 2.2)."""

_TOLD = {"type", "message"}
_SUITE = {"name", "tests", "failures", "errors", "time"}
_ATTRIBUTES = {
    "testsuites": _SUITE,
    "testsuite": {*_SUITE, "skipped"},
    "testcase": {"classname", "name", "time"},
    **dict.fromkeys(("failure", "error", "skipped"), _TOLD),
}
"""Of those that ``junit-10.xsd`` allows, the ones that we use."""


def suites_of(data: ReportData) -> dict[str, ElementTree.Element]:
    """Return the suites by name, after a look at whether their figures are true."""
    text = junit_document(data)
    assert not _FORBIDDEN.search(text)
    root = ElementTree.fromstring(text.encode())
    assert root.tag == "testsuites"
    for one in (root, *root):
        cases = list(one.iter("testcase"))
        assert int(one.attrib["tests"]) == len(cases)
        for counted, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped"))[: 3 - (one is root)]:
            assert int(one.attrib[counted]) == sum(case.find(tag) is not None for case in cases)
        assert float(one.attrib["time"]) == pytest.approx(sum(float(case.attrib["time"]) for case in cases), abs=0.1)
    for element in root.iter():
        assert set(element.attrib) <= _ATTRIBUTES[element.tag]
    for case in root.iter("testcase"):
        assert len(case) <= 1
    names = [(case.attrib["classname"], case.attrib["name"]) for case in root.iter("testcase")]
    assert len(names) == len(set(names)) or len({one.quantum for one in data.entries}) < len(data.entries)
    return {suite.attrib["name"]: suite for suite in root}


def test_a_night(night: ReportData) -> None:
    suites = suites_of(night)
    figures = {
        name: tuple(int(one.attrib[count]) for count in ("tests", "failures", "errors", "skipped"))
        for name, one in suites.items()
    }
    assert figures == {"calibrate": (32, 0, 0, 0), "coadd": (12, 10, 0, 0), "measure": (35, 0, 2, 3)}


def test_what_failed_says_why_and_how_to_go_on(night: ReportData) -> None:
    suites = suites_of(night)
    failure = suites["coadd"].find("testcase/failure")
    assert failure is not None
    assert failure.attrib["type"] == "different"
    assert failure.attrib["message"].startswith("coadd / HDU IMAGE / pixels: 16384 of 16384 pixels differ")
    assert "replay explain attempt:" in (failure.text or "")
    error = suites["measure"].find("testcase/error")
    assert error is not None
    assert error.attrib == {
        "type": "replay_failed",
        "message": "the payload ended with status 1: RuntimeError: no stars brighter than 50 sigma",
    }


def test_quanta_of_one_name_are_two_cases() -> None:
    (suite,) = suites_of(ReportData("R1", (), [entry("a", "same", (n,)) for n in range(2)])).values()
    assert len({case.attrib["name"] for case in suite}) == 2


def test_nothing_is_an_empty_document() -> None:
    assert suites_of(ReportData("R1", (), ())) == {}


@pytest.mark.parametrize("evil", ["\x00\x1b[31m", "\ud800", "\ufffe\uffff", "]]><x>&\"'", "a\nb\tc", "\x85\u2028"])
def test_hostile_texts(evil: str) -> None:
    odd = replace(entry(evil, evil, (evil,), verdict="failed", error=evil, error_type=evil), quantum=evil)
    differs = replace(odd, verdict="different", error=None, document={"replay": evil, "extra": [evil]})
    data = ReportData(evil, (), [odd, differs], [Waiting(evil, evil, evil, evil)])
    ((name, suite),) = suites_of(data).items()
    assert len(suite) == 3
    assert ("<x>" in name) == ("<x>" in evil)  # told, not taken for an element


def test_the_check_finds_what_is_forbidden() -> None:
    assert all(_FORBIDDEN.search(one) for one in ("\x00", "\x1b", "\ud800", "\ufffe"))
    assert not _FORBIDDEN.search("a\nä→𝄞")
