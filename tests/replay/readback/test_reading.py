# SPDX-License-Identifier: Apache-2.0
"""What is read back is what was told, and what was told may be anything."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from replay.readback.differences import differences
from replay.readback.programs import told_file
from replay.readback.reading import read_back
from replay.readback.wanted import Wanted
from tests.replay.pinning.test_pins import FLAGS, HASWELLS, process

LINE = "numerics " + json.dumps({"simd": ["X86_V2"], "libraries": [], "cpus": 2})


def told(folder: Path, *lines: str) -> None:
    """Write what processes told."""
    Path(told_file(str(folder))).write_text("\n".join((*lines, "")), encoding="utf-8")


class TestReading:
    """The file."""

    def test_what_was_told(self, tmp_path: Path) -> None:
        told(tmp_path, "began 1", LINE, "ended 1")
        found = read_back(str(tmp_path))
        assert found.outcome.status == "captured"
        assert [list(one.simd) for one in found.processes] == [["X86_V2"]]

    def test_a_process_that_only_began(self, tmp_path: Path) -> None:
        told(tmp_path, "began 1", "began 2", LINE, "ended 1")
        assert read_back(str(tmp_path)).outcome.status == "failed"
        assert "1 of 2 Python processes" in (read_back(str(tmp_path)).reason or "")

    @pytest.mark.parametrize(
        "lines",
        [
            (),
            ("ended 1",),
            ("numerics {",),
            ("numerics []",),
            ('numerics {"simd": 1, "libraries": [], "cpus": 2}',),
            ('numerics {"simd": [], "libraries": [{"library": 1}], "cpus": 2}',),
            (LINE, "failed OSError: no such thing"),
            ("numerics " + "[" * 100_000,),
        ],
    )
    def test_what_is_nothing_of_the_kind(self, tmp_path: Path, lines: tuple[str, ...]) -> None:
        told(tmp_path, *lines)
        found = read_back(str(tmp_path))
        assert found.outcome.status == "failed"
        assert found.reason

    def test_nothing(self, tmp_path: Path) -> None:
        assert read_back(str(tmp_path)).outcome.status == "failed"

    def test_what_stands_in_the_place_of_the_file(self, tmp_path: Path) -> None:
        """A payload can put a link to another file there, or a pipe that nobody writes to."""
        honest = tmp_path / "honest"
        honest.mkdir()
        told(honest, LINE)
        path = told_file(str(tmp_path))
        os.symlink(told_file(str(honest)), path)
        assert "can't be read" in (read_back(str(tmp_path)).reason or "")
        os.unlink(path)
        os.mkfifo(path)
        assert "no ordinary file" in (read_back(str(tmp_path)).reason or "")


class TestDifferences:
    """Between what was in effect there and here."""

    def test_none(self) -> None:
        one = process("Zen", 2, simd=("X86_V2",), libm="AVX FMA")
        assert differences(Wanted((one,)), [one]) == []

    @pytest.mark.parametrize(
        ("members", "word"),
        [
            ({"kernel": "Haswell"}, "kernel Haswell instead of Zen"),
            ({"threads": 1}, "threads 1 instead of 2"),
            ({"simd": ("X86_V2", "X86_V3")}, "NumPy's dispatch +X86_V3"),
            ({"simd": ()}, "NumPy was not loaded"),
            ({"libm": "AVX"}, "libm goes by -FMA"),
            ({"openmp": 4}, "libgomp.so.1 was loaded, and was not then"),
            ({"configuration": "OpenBLAS 0.3.99 Zen"}, "configuration OpenBLAS 0.3.99 instead of "),
        ],
    )
    def test_each(self, members: dict[str, object], word: str) -> None:
        usual = {"kernel": "Zen", "threads": 2, "simd": ("X86_V2",), "libm": "AVX FMA"}
        there, here = process(**usual), process(**{**usual, **members})  # type: ignore[arg-type]
        assert [one for one in differences(Wanted((there,)), [here]) if word in one]
        assert len(differences(Wanted((there,)), [here])) == 1

    def test_processes_are_compared_by_their_values(self) -> None:
        one, two = process("Zen"), process("Haswell")
        assert differences(Wanted((one, two)), [two, one]) == []
        assert differences(Wanted((one, two)), [one])

    def test_what_a_process_loaded_for_other_quanta_is_passed_over(self) -> None:
        with_openmp, without = process(openmp=2), process()
        assert differences(Wanted((with_openmp,)), [without], is_shared=True) == []
        assert differences(Wanted((with_openmp,)), [without]) == ["libgomp.so.1 was not loaded"]
        assert differences(Wanted((without,)), [with_openmp], is_shared=True)
        assert differences(Wanted((with_openmp,)), [process(openmp=1)], is_shared=True)

    def test_how_many_processors_there_were_is_not_compared(self) -> None:
        one = process()
        assert differences(Wanted((one,)), [one.checked({**one.data, "cpus": 64})]) == []

    def test_libm_of_a_record_without_it(self) -> None:
        """It goes by the processor, and so must a C library that tells nothing."""
        recorded = Wanted((process(),), HASWELLS)
        assert differences(recorded, [process(libm="AVX AVX2 FMA SSE4_1")], flags=FLAGS) == []
        assert differences(recorded, [process(libm="AVX AVX2 AVX512F FMA SSE4_1")], flags=FLAGS)
        assert differences(recorded, [process()], flags=HASWELLS) == []
        assert "can't be read back" in differences(recorded, [process()], flags=FLAGS)[0]

    def test_names_cannot_steer_a_terminal(self) -> None:
        told = differences(Wanted((process("Zen"),)), [process("\x1b[2J")])
        assert told
        assert all(one.isprintable() for one in told)
