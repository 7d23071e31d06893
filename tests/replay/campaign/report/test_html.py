# SPDX-License-Identifier: Apache-2.0
"""The page: what it says first, that it is whole, that nothing in it is more than text, and that it stays small."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from examples.campaign import Night, entry
from replay.campaign.entry import Entry
from replay.campaign.report.data import ReportData, Waiting
from replay.campaign.report.html import html_document
from replay.campaign.report.plots import plot_sizes, plot_times
from replay.campaign.report.summary import summarize
from replay.explain.suspect import Suspect
from tests.replay.campaign.report.page import Page

EVIL = (
    """"'><script>alert('x')</script><img src=//evil.example/x onerror=alert(1)>--!>&lt;{{ 7*7 }}</style></svg>$x_1$"""
)


def page_of(data: ReportData) -> Page:
    """Return the page of a campaign, after a look at whether it is harmless and whole."""
    found = Page(html_document(data))
    assert found.bad == []
    assert found.policy.startswith("default-src 'none'; ")
    assert "script" not in found.policy
    return found


@pytest.fixture(scope="module")
def page(night: ReportData) -> Page:
    """Give the page of a night on which somebody broke the coadds."""
    return page_of(night)


class TestWhatItSays:
    """What a reader needs is there, and first."""

    def test_the_headline(self, page: Page) -> None:
        assert page.title == "spring-release: Of 76 quanta, 10 differ, 2 failed, 4 are the same only within tolerances."
        assert "not judged yet 3" in page.text
        assert "78.94 %" in page.text  # 60 of 76
        assert "84.21 %" in page.text  # 64 of 76

    def test_the_first_row_of_the_first_table_is_the_broken_task(self, page: Page) -> None:
        head, first, second, third = page.tables[0]
        assert head[0] == "task"
        assert (first[0], first[2], first[3], first[4]) == ("coadd", "10", "0", "12")
        assert "16384 of 16384 pixels differ, max |Δ|" in first[5]
        assert "suspect: source: starfield" in first[5]
        assert [second[0], third[0]] == ["measure", "calibrate"]

    def test_the_regression_moves_with_the_task(self, night: ReportData) -> None:
        """The tamper case: the order comes from the verdicts, not from the names."""
        entries = [
            replace(one, task={"coadd": "zzz", "calibrate": "aaa"}.get(one.task, one.task)) for one in night.entries
        ]
        assert page_of(replace(night, entries=entries)).tables[0][1][0] == "zzz"
        healed = [one for one in night.entries if one.verdict != "different"]
        assert page_of(replace(night, entries=healed)).tables[0][1][0] == "measure"

    def test_suspects_with_their_evidence(self, page: Page) -> None:
        first = page.tables[1][1]
        assert first[:5] == ["source: starfield", "commit 8f3c01d2aa → commit 1d27be9044", "10", "10", "10"]
        assert "starfield/coadd.py is not the same: 2 lines" in first[5]

    def test_every_row_leads_to_its_manifests(self, night: ReportData, page: Page) -> None:
        for one in night.entries:
            if one.verdict == "different":
                assert one.document is not None
                original, replayed = f"attempt:{one.attempt}", f"attempt:{one.document['replay']}"
                for line in (f"envcap show {original}", f"envcap show {replayed}", f"envcap diff {original} {replayed}",
                             f"replay explain {original} {replayed}"):  # fmt: skip
                    assert line in page.text
        for table in page.tables[:2]:
            for row in table[1:]:
                assert "envcap show attempt:" in "".join(row) or "nothing" in row[-1]

    def test_files_that_differ_can_be_compared_again(self, night: ReportData, page: Page) -> None:
        found = re.findall(r"replay compare (\S+\.fits) (\S+\.again\.fits)", page.text)
        assert len(found) == 10
        assert all(Path(one).exists() for pair in found for one in pair)

    def test_the_tree_of_differences_is_folded_in(self, page: Page) -> None:
        assert re.search(r"HDU IMAGE\s+1 difference\s+pixels\s+16384 of 16384 pixels differ", page.text)

    def test_images_before_and_after(self, page: Page) -> None:
        assert "Where images differ most" in page.text
        assert re.search(r"largest at pixel \(\d+, \d+\): [-0-9.]+ → [-0-9.]+", page.text)
        assert len(page.pictures) == 4 * 4  # two images of two quanta: original, re-run, difference, scale

    def test_failures_and_fidelity(self, page: Page) -> None:
        texts = ["".join(cell for row in table for cell in row) for table in page.tables]
        assert any("RuntimeError: no stars brighter than 50 sigma (2 times)" in text for text in texts)
        assert any("AMD EPYC 7702 instead of Intel Xeon Gold 6448Y -avx512f" in text for text in texts)


class TestHeadlines:
    """One sentence, whatever came of it."""

    @pytest.mark.parametrize(
        ("verdicts", "told"),
        [
            ("", "Nothing is judged yet."),
            ("identical", "1 quantum came out the same, byte for byte."),
            ("identical identical", "2 quanta came out the same, byte for byte."),
            ("identical equal", "2 quanta came out the same."),
            ("different", "Of 1 quantum, 1 differs."),
            ("equivalent identical", "Of 2 quanta, 1 is the same only within a tolerance."),
            ("failed failed", "Of 2 quanta, 2 failed."),
        ],
    )
    def test_it_is_true(self, verdicts: str, told: str) -> None:
        entries = [entry("a", str(n), (n,), verdict=one) for n, one in enumerate(verdicts.split())]
        found = page_of(ReportData("R1", (), entries))
        assert found.title == f"R1: {told}"
        assert ("Differences by task" in found.text) == bool(entries)
        assert ("Quanta that are not identical" in found.text) == bool(set(verdicts.split()) - {"identical"})

    def test_a_campaign_without_quanta(self) -> None:
        found = page_of(ReportData("R1", (), ()))
        assert found.tables == []
        assert "judged, of 0" in found.text


def hostile(night: ReportData) -> ReportData:
    """Return a campaign that is hostile wherever it can be."""

    def spoil(thing: Any) -> Any:
        if isinstance(thing, dict):
            return {name: spoil(value) for name, value in thing.items()}
        if isinstance(thing, list):
            return [spoil(value) for value in thing]
        return EVIL if isinstance(thing, str) else thing

    kept = next(one for one in night.entries if one.task == "coadd" and one.verdict == "different")
    assert kept.document is not None
    suspect = Suspect(EVIL, EVIL, EVIL, EVIL, 1, [EVIL])
    names = ("attempt", "quantum", "task", "name", "environment", "cpu", "node", "fidelity")
    spoilt = replace(kept, **dict.fromkeys(names, EVIL))
    documents = [spoil(kept.document), {**kept.document, "replay": EVIL, "extra": [EVIL]}]
    entries = [replace(spoilt, document=one, suspects=[suspect.to_json()]) for one in documents]
    entries.append(replace(spoilt, verdict="failed", document=None, error=EVIL, error_type=EVIL))
    entries.append(replace(spoilt, verdict=EVIL))
    times = {EVIL: 3.0}
    return ReportData(EVIL, [(EVIL, EVIL)], entries, [Waiting(EVIL, EVIL, EVIL, EVIL)], times)


class TestHostile:
    """Nothing of a store is more than text."""

    def test_the_page(self, night: ReportData) -> None:
        found = page_of(hostile(night))
        assert found.text.count("<script>alert('x')</script>") > 20
        assert "{{ 7*7 }}" in found.text
        assert "no picture: only local files are drawn" not in found.text  # there is one that can be drawn

    def test_lines_to_be_copied_are_one_word(self, night: ReportData) -> None:
        odd = replace(entry("a", "a", ("a",), verdict="different"), attempt="x; rm -rf ~", document={"replay": "$(id)"})
        text = page_of(ReportData("R1", (), [odd])).text
        assert "envcap diff 'attempt:x; rm -rf ~' 'attempt:$(id)'" in text
        files = {"original": {"path": "/a; rm -rf ~"}, "remade": {"uri": "file:///b%20c"}}
        text = page_of(ReportData("R1", (), [replace(odd, document={"outputs": [files]})])).text
        assert "replay compare '/a; rm -rf ~' '/b c'" in text

    def test_what_cannot_be_seen_is_told(self) -> None:
        odd = entry("a\x1b[2Jb\u202e\ud800", "n\x00\n", ("a",), verdict="different")
        text = page_of(ReportData("R1", (), [odd])).text
        assert r"a\x1b[2Jb\u202e\ud800" in text
        assert "\x1b" not in text
        html_document(ReportData("R1", (), [odd])).encode()

    def test_drawings(self, night: ReportData) -> None:
        data = hostile(night)
        for drawing in (plot_sizes(summarize(data)), plot_times(data, summarize(data))):
            assert drawing is not None
            found = Page(drawing)
            assert found.bad == []
            assert "<script>alert" in found.text  # a label, cut off; its dollars are no formula

    def test_a_long_text_is_cut_off(self) -> None:
        odd = replace(entry("a" * 10**6, "n" * 10**6, ("a",), verdict="failed", error="e" * 10**6), node="x" * 10**6)
        assert len(html_document(ReportData("R" * 10**6, (), [odd] * 3))) < 100_000

    @pytest.mark.parametrize("bad", ["<script>1</script>", "<p onclick=x>a</p>", '<img src="//evil.example">',
                                     "<a href='javascript:1'>x</a>", "<div style='background:url(x)'>a</div>", "<p>",
                                     "<iframe></iframe>", "<!-- x -->", "<meta http-equiv=refresh content=1>",
                                     "<svg><script>1</script></svg>"])  # fmt: skip
    def test_the_check_finds_what_is_not_harmless(self, bad: str) -> None:
        assert Page("<p>a</p>").bad == []
        assert Page(bad).bad


class TestFiles:
    """Images that are not what they were."""

    @pytest.fixture
    def own(self, tmp_path: Path) -> ReportData:
        """Give a night whose files are the test's own."""
        return Night(tmp_path).report(exposures=1, detectors=1)

    def test_a_missing_original_is_told(self, own: ReportData, tmp_path: Path) -> None:
        before = page_of(own)
        assert "no picture" not in before.text
        for path in tmp_path.glob("coadd-*[0-9].fits"):
            path.unlink()
        after = page_of(own)
        assert re.search(r"no picture: \S+coadd-0-\d.fits: it is gone", after.text)
        assert after.pictures == []

    def test_a_damaged_one_is_told(self, own: ReportData, tmp_path: Path) -> None:
        for path in tmp_path.glob("coadd-*.again.fits"):
            path.write_bytes(path.read_bytes()[:7000])
        assert re.search(r"no picture: \S+coadd-0-\d.again.fits: ", page_of(own).text)


class TestMany:
    """A campaign of 10^4 quanta."""

    @pytest.fixture
    def many(self, night: ReportData) -> list[Entry]:
        """Give so many entries, half of which differ."""
        kept = [one for one in night.entries if one.verdict == "different"]
        return [replace(kept[n % 10], attempt=f"{n}", name=f"n{n}", task=f"t{n % 300}") if n % 2
                else entry(f"t{n % 300}", f"n{n}", (n,)) for n in range(10_000)]  # fmt: skip

    def test_it_is_quick_and_small(self, many: list[Entry]) -> None:
        data = ReportData("R1", (), many, (), {one.attempt: 1.0 for one in many})
        html_document(replace(data, entries=many[:20]))  # what is imported, is imported
        started = time.process_time()
        html = html_document(data)
        assert time.process_time() - started < 10
        assert len(html) < 3_000_000
        assert "and 4,700 more: replay campaign report R1 --format json lists all of them" in html
        assert "and 100 more tasks" in html
        assert html.count('<details class="quantum">') == 300

    def test_a_plot_does_not_grow(self, night: ReportData) -> None:
        kept = next(one for one in night.entries if one.verdict == "different")
        some, more = (plot_sizes(summarize(ReportData("R1", (), [kept] * n))) for n in (200, 2000))
        assert some is not None
        assert more is not None
        assert len(more) < 1.1 * len(some)


def test_two_drawings_share_no_names(night: ReportData) -> None:
    html = html_document(night)
    names = re.findall(r'\bid="([^"]+)"', html)
    assert len(names) == len(set(names))
    assert set(re.findall(r'href="#([^"]+)"', html)) <= set(names)
    assert set(re.findall(r"url\(#([^)]+)\)", html)) <= set(names)


def test_colours_are_those_of_the_page(night: ReportData) -> None:
    drawing = plot_sizes(summarize(night))
    assert drawing is not None
    assert "var(--different)" in drawing
    assert "#05" not in drawing
