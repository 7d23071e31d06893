# SPDX-License-Identifier: Apache-2.0
"""A campaign in figures, and in the order that a reader needs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from examples.campaign import entry, judged
from replay.campaign.entry import Entry
from replay.campaign.report.data import ReportData
from replay.campaign.report.ranking import worst_first
from replay.campaign.report.summary import percentage, summarize
from replay.campaign.report.suspicion import suspects_of
from replay.comparators.policy import Verdict
from replay.explain.suspect import Suspect


def report(*entries: Entry) -> ReportData:
    """Return a campaign of entries."""
    return ReportData("R1", (), entries)


def differing(folder: Path, name: str, before: list[float], after: list[float], task: str = "coadd") -> Entry:
    """Return an entry of two files."""
    for number, values in enumerate((before, after)):
        fits.PrimaryHDU(np.array(values, dtype=np.float32)).writeto(folder / f"{name}.{number}.fits", overwrite=True)
    return entry(task, name, (name,), outputs=[judged("image", folder / f"{name}.0.fits", folder / f"{name}.1.fits")])


class TestTasks:
    """By task."""

    def test_the_broken_task_is_first(self, night: ReportData) -> None:
        rows = summarize(night).tasks
        assert [row.label for row in rows] == ["coadd", "measure", "calibrate"]
        assert dict(rows[0].counts) == {"identical": 2, "equal": 0, "equivalent": 0, "different": 10, "failed": 0}
        assert (rows[1].waiting, rows[1].planned) == (3, 35)

    def test_a_task_that_was_not_begun_is_a_row(self, night: ReportData) -> None:
        (row,) = summarize(replace(night, entries=())).tasks
        assert (row.label, row.planned, row.waiting, row.worst) == ("measure", 3, 3, [])

    def test_more_that_differ_come_before_more_that_failed(self) -> None:
        failed = [entry("a", f"a{n}", ("a", n), verdict="failed", error="no") for n in range(9)]
        found = summarize(report(*failed, entry("b", "b", ("b",), verdict="different"))).tasks
        assert [row.label for row in found] == ["b", "a"]


class TestRanking:
    """The worst first."""

    def test_by_verdict(self, night: ReportData) -> None:
        verdicts = [one.verdict for one in summarize(night).ranked]
        assert verdicts == [Verdict.DIFFERENT] * 10 + [Verdict.FAILED] * 2 + [Verdict.EQUIVALENT] * 4

    def test_by_the_relative_size_of_the_largest_difference(self, tmp_path: Path) -> None:
        small = differing(tmp_path, "small", [1e6, 1e-9], [1e6 + 1, -1e-9])  # has the larger ULP, next to zero
        large = differing(tmp_path, "large", [10.0, 1.0], [11.0, 1.0])
        form = differing(tmp_path, "form", [10.0, 1.0], [10.0, 1.0, 1.0])
        lost = differing(tmp_path, "lost", [10.0, 1.0], [10.0, float("nan")])
        ranked = worst_first([small, large, form, lost])
        assert {one.entry.name for one in ranked[:2]} == {"form", "lost"}
        assert [one.entry.name for one in ranked[2:]] == ["large", "small"]
        assert ranked[2].relative == pytest.approx(0.1)
        assert ranked[2].absolute == 1.0
        assert "2 pixels differ" in ranked[3].summary or "2 of 2 pixels differ" in ranked[3].summary

    def test_what_was_excused_is_named(self, tmp_path: Path) -> None:
        for number in range(2):
            hdu = fits.PrimaryHDU(np.ones(3))
            hdu.header["DATE"] = f"2026-01-0{number + 1}"
            hdu.writeto(tmp_path / f"{number}.fits")
        output = judged("image", tmp_path / "0.fits", tmp_path / "1.fits")
        (one,) = worst_first([entry("a", "a", ("a",), outputs=[output])])
        assert (one.verdict, one.summary) == (Verdict.EQUAL, "only what may differ: card DATE")

    def test_what_the_job_did_not_make_is_no_small_matter(self) -> None:
        found = entry("a", "a", ("a",), verdict="different")
        assert found.document is not None
        (one,) = worst_first([replace(found, document={**found.document, "extra": ["thumbnail"]})])
        assert one.summary == "the re-run made thumbnail, which the job did not make"
        assert one.severity.form == 2

    def test_a_verdict_that_is_none_is_a_failure(self) -> None:
        (one,) = worst_first([replace(entry("a", "a", ("a",)), verdict="splendid")])
        assert one.verdict is Verdict.FAILED
        assert one.summary == "the re-run left nothing that could be compared"


class TestFigures:
    """Counts and shares."""

    def test_what_passed(self, night: ReportData) -> None:
        summary = summarize(night)
        assert (summary.judged, summary.waiting) == (76, 3)
        assert summary.passed(Verdict.EQUAL) == 60
        assert summary.passed(Verdict.EQUIVALENT) == 64
        assert summary.passed(Verdict.FAILED) == 76

    @pytest.mark.parametrize(
        ("part", "whole", "told"),
        [
            (0, 0, "0 %"),
            (0, 5, "0 %"),
            (5, 5, "100 %"),
            (99_999, 100_000, "99.99 %"),
            (1, 3, "33.33 %"),
            (1, 2, "50 %"),
        ],
    )
    def test_a_share_is_never_rounded_up(self, part: int, whole: int, told: str) -> None:
        assert percentage(part, whole) == told

    def test_the_least_faithful_layer_is_first(self, night: ReportData) -> None:
        rows = summarize(night).layers
        assert [row.name for row in rows[:3]] == ["source", "hardware", "python_dists"]
        assert rows[0].counts["substituted"] == 74
        assert summarize(night).fidelity == {"exact": 0, "rebuilt": 0, "substituted": 74, "impossible": 0}
        assert rows[0].details == [("starfield at commit 1d27be9044 instead of 8f3c01d2aa", 74)]

    def test_failures_by_kind(self, night: ReportData) -> None:
        other = entry("a", "a", ("a",), verdict="failed", error="no network", error_type="build")
        rows = summarize(replace(night, entries=[*night.entries, other])).failures
        assert [(row.error_type, len(row.found)) for row in rows] == [("replay_failed", 2), ("build", 1)]
        assert rows[1].messages == [("no network", 1)]


class TestSuspects:
    """What many have in common."""

    def test_what_made_most_differ_is_first(self, night: ReportData) -> None:
        found = suspects_of(summarize(night).ranked)
        assert [one.title for one in found] == [
            "source: starfield", "effective_numerics: openblas threads", "python_dists: numpy"]  # fmt: skip
        assert [(one.different, one.likeliest, len(one.found)) for one in found] == [
            (10, 10, 10),
            (0, 4, 4),
            (0, 0, 14),
        ]
        assert found[0].evidence == [
            ("only quanta of coadd differ, and coadd is imported from there", 10),
            ("starfield/coadd.py is not the same: 2 lines", 10),
        ]
        assert found[2].tasks == {"coadd": 10, "measure": 4}

    def test_other_values_are_another_suspect(self) -> None:
        suspects = [Suspect("python_dists", "numpy", before, "2.4", 1, ["seen"]) for before in ("2.2", "2.3")]
        entries = [entry("a", one.before, (one.before,), verdict="different", suspects=[one]) for one in suspects]
        assert [one.before for one in suspects_of(worst_first(entries))] == ["2.2", "2.3"]

    def test_what_is_no_suspect_counts_for_nothing(self) -> None:
        odd = replace(entry("a", "a", ("a",), verdict="different"), suspects=[{"layer": 3, "evidence": "x"}])
        (one,) = suspects_of(worst_first([odd]))
        assert (one.title, one.evidence) == ("", [])
