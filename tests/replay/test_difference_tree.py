# SPDX-License-Identifier: Apache-2.0
"""The tree of differences, as `replay compare` prints it."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from rich.console import Console

from replay.comparators.difference import Difference, Kind, grouped
from replay.comparators.files import FileComparison, FileIdentity, compare_files
from replay.comparators.policy import Judgement, Policy
from replay.comparators.rules import Tolerance
from replay.difference_tree import difference_trees

NUDGED = Policy(tolerances=(Tolerance("HDU VARIANCE", ulp=4, source="x"),))


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """Give two images that differ in a date, in one pixel by much, and in another by little."""
    paths = tmp_path / "a.fits", tmp_path / "b.fits"
    for number, path in enumerate(paths):
        primary = fits.PrimaryHDU()
        primary.header["DATE"] = f"2026-01-0{number + 1}"
        image, variance = (fits.ImageHDU(np.ones((4, 4), "f4"), name=name) for name in ("IMAGE", "VARIANCE"))
        image.header["BUNIT"] = "nJy"
        if number:
            image.data[1, 2] = 3
            variance.data[0, 0] = np.nextafter(np.float32(1), np.float32(2))
        fits.HDUList([primary, variance, image]).writeto(path)
    return paths


def text(comparison: FileComparison, **options: bool) -> str:
    out = Console(file=io.StringIO(), width=200, **options)  # type: ignore[arg-type]
    for tree in difference_trees(comparison):
        out.print(tree)
    return str(out.file.getvalue())  # type: ignore[attr-defined]


def test_what_counts_comes_first_with_unit_and_counts(files: tuple[Path, Path]) -> None:
    pixel = "max |Δ| 2 nJy, max 12582912 ULP, first at (1, 2): 1.0 → 3.0"
    assert text(compare_files(*files, NUDGED)).splitlines() == [
        "HDU IMAGE: 1 difference",
        f"└── pixels: 1 of 16 pixels differ, {pixel}",
        "HDU PRIMARY: 1 difference",
        "└── card DATE: DATE '2026-01-01' → '2026-01-02' (volatile)",
        "HDU VARIANCE: 1 difference",
        "└── pixels: 1 of 16 pixels differ, max |Δ| 1.19e-07, max 1 ULP, first at (0, 0): 1.0 → 1.0000001 "
        "(within tolerance)",
    ]


def test_what_is_excused_is_dimmed_and_what_counts_is_not(files: tuple[Path, Path]) -> None:
    dim, red = "\x1b[2m", "\x1b[31m"
    lines = text(compare_files(*files, NUDGED), force_terminal=True).splitlines()
    assert [dim in line for line in lines] == [False, False, True, True, True, True]
    assert [red in line for line in lines] == [False, True, False, False, False, False]
    assert dim not in text(compare_files(*files, Policy(volatile=())), force_terminal=True)


def leaf(where: str) -> Difference:
    return Difference(where, Kind.VALUE, "1 → 2")


def comparison(*differences: Difference) -> FileComparison:
    same = FileIdentity("sha256:" + "0" * 64, 1)
    return FileComparison(same, same, "fits", differences, Policy().judge(False, differences), "sha256:x")


def test_thousands_of_columns_are_counted() -> None:
    shown = text(comparison(*grouped("HDU CAT", [leaf(f"column {i}") for i in range(1000)]))).splitlines()
    assert len(shown) == 42
    assert shown[-1] == "└── and 960 more"
    assert text(comparison(*(leaf(f"column {i}") for i in range(50)))).splitlines()[-1] == "and 10 more"


def test_names_from_a_file_are_shown_as_text_only() -> None:
    shown = text(comparison(leaf("[red]\x1b[2J\n evil[/red]")))
    assert shown == "[red]\\x1b[2J\\n evil[/red]: 1 → 2\n"


def test_nothing_differs() -> None:
    assert text(FileComparison(*[FileIdentity("x", 1)] * 2, None, (), Judgement("identical"), "")) == ""  # type: ignore[arg-type]


def replay(*words: object) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).parent / "replay"
    return subprocess.run([program, *map(str, words)], capture_output=True, text=True, check=False)


def test_the_command_prints_it_and_the_verdict_last(files: tuple[Path, Path], tmp_path: Path) -> None:
    done = replay("compare", *files)
    assert done.returncode == 1
    assert done.stdout.splitlines()[0] == "HDU VARIANCE: 1 difference"
    assert done.stdout.splitlines()[-1] == "different"
    policy = tmp_path / "policy.toml"
    policy.write_text('dataset_type = ["coadd"]\n[[tolerance]]\nwhere = "*"\natol = 2\nsource = "a test"\n')
    done = replay("compare", *files, "--policy", policy)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "equivalent")
    done = replay("compare", *files, "--policy", policy, "--json")
    assert done.returncode == 0
    document = json.loads(done.stdout)
    assert document["policy"] == Policy.from_toml(policy).digest
    assert [one["where"] for one in document["differences"]] == ["HDU PRIMARY", "HDU VARIANCE", "HDU IMAGE"]


def test_a_directory_of_policies_needs_one_that_is_for_all(files: tuple[Path, Path], tmp_path: Path) -> None:
    (folder := tmp_path / "policies").mkdir()
    for name in ("coadd", "source"):
        (folder / f"{name}.toml").write_text(f'dataset_type = ["{name}"]')
    done = replay("compare", *files, "--policy", folder)
    assert done.returncode == 2
    assert "are for certain dataset types each, which a file doesn't tell; name one of them" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    (folder / "all.toml").write_text("atol = 2")
    assert replay("compare", *files, "--policy", folder).returncode == 0
