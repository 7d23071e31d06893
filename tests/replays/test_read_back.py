# SPDX-License-Identifier: Apache-2.0
"""What was in effect is read back from the replayed process itself, whatever was set."""

from __future__ import annotations

from pathlib import Path

import pytest

from envcap.hooks.loaded import NUMERICS
from tests.elsewhere import effective, from_elsewhere, with_libraries
from tests.numerical_lab import JOB, NumericalLab, numerics, openblas, other_kernel


class TestReadBack:
    """It is the process itself that is asked, whatever was set."""

    def test_a_payload_that_changes_what_was_pinned(self, lab: NumericalLab, tmp_path: Path) -> None:
        """What is set, and true before the payload runs, need not be true of it."""
        changes = (
            "import ctypes, glob, os, numpy\n"
            "(path,) = glob.glob(os.path.join(os.path.dirname(numpy.__file__) + '.libs', '*openblas*'))\n"
            "ctypes.CDLL(path).scipy_openblas_set_num_threads64_(3)\n"
        )
        captured = lab.capture(tmp_path / "work", changes + JOB)
        assert openblas(lab, captured).threads == 3
        there = with_libraries(effective(lab.store, captured), "openblas", threads=1)
        found = lab.replay(from_elsewhere(lab.store, lab.key, captured, numerics=there), "--pin-math", status=0)
        fidelity, detail = numerics(found)
        assert fidelity == "substituted"
        assert "pinned: OPENBLAS_NUM_THREADS=1" in detail
        assert "threads 3 instead of 1" in detail

    @pytest.mark.parametrize(
        ("job", "options"),
        [
            pytest.param(f"{JOB}import os; os._exit(0)\n", (), id="left-by-exit"),
            pytest.param(JOB, ("-E",), marks=pytest.mark.slow, id="lets-nobody-ask"),
        ],
    )
    def test_a_process_that_tells_nothing(
        self, lab: NumericalLab, tmp_path: Path, job: str, options: tuple[str, ...]
    ) -> None:
        honest = lab.capture(tmp_path / "honest")
        captured = lab.capture(tmp_path / "work", job, *options)
        attempt = from_elsewhere(lab.store, lab.key, captured, numerics=effective(lab.store, honest))
        found = lab.replay(attempt)
        assert numerics(found)[0] == "substituted"
        assert "what was in effect could not be read back" in numerics(found)[1]
        again = lab.load(found["replay"]).result
        assert again is not None
        assert (again.outcomes or {})[NUMERICS].status == "failed"
        assert NUMERICS in (again.degraded or {})

    @pytest.mark.slow
    def test_a_child_of_other_numerics(self, lab: NumericalLab, tmp_path: Path) -> None:
        """One is as it was, and each way in which processes differ is compared."""
        child = (
            "import os, subprocess, sys\n"
            f"other = {{**os.environ, 'OPENBLAS_CORETYPE': {other_kernel(lab)!r}}}\n"
            "subprocess.run([sys.executable, '-c', 'import numpy'], env=other, check=True)\n"
        )
        captured = lab.capture(tmp_path / "work", child + JOB)
        assert len(effective(lab.store, captured).processes) == 2
        found = lab.replay(captured.manifest.attempt, "--pin-math")
        assert (found["verdict"], numerics(found)[0]) == ("identical", "exact")
        one = effective(lab.store, captured)
        alone = one.checked({**one.data, "processes": [one.processes[0].data]})
        told = numerics(lab.replay(from_elsewhere(lab.store, lab.key, captured, numerics=alone)))
        assert told[0] == "substituted"
        assert " and " in told[1]

    @pytest.mark.slow
    def test_a_helper_of_multiprocessing_has_nothing_to_tell(self, lab: NumericalLab, tmp_path: Path) -> None:
        """It ends after the payload, and in some sandboxes it is killed then."""
        shares = (
            "from multiprocessing.shared_memory import SharedMemory\n"
            "shared = SharedMemory(create=True, size=10)\n"
            "shared.close()\n"
            "shared.unlink()\n"
        )
        captured = lab.capture(tmp_path / "work", shares + JOB)
        assert captured.result is not None
        assert (captured.result.outcomes or {})[NUMERICS].status == "captured"
        assert numerics(lab.replay(captured.manifest.attempt))[0] == "exact"

    @pytest.mark.slow
    def test_a_job_without_numerical_libraries(self, lab: NumericalLab, tmp_path: Path) -> None:
        captured = lab.capture(tmp_path / "work", "import sys; open(sys.argv[1], 'w').write('done')\n")
        found = lab.replay(captured.manifest.attempt, "--pin-math")
        assert numerics(found)[0] == "exact"
        assert "read back: no numerical library" in numerics(found)[1]

    @pytest.mark.slow
    def test_a_command_without_python_is_judged_by_what_it_asked_for(self, lab: NumericalLab, tmp_path: Path) -> None:
        tmp_path.joinpath("work").mkdir()
        captured = lab.capture_command(tmp_path / "work", "sh", "-c", "echo done > out.npy")
        fidelity, detail = numerics(lab.replay(captured.manifest.attempt))
        assert fidelity == "exact"
        assert "is not known: the command ran no Python program" in detail
        assert numerics(lab.replay(captured.manifest.attempt, "--pin-math"))[0] == "substituted"

    @pytest.mark.slow
    def test_the_commands_own_sitecustomize_is_not_hidden(self, lab: NumericalLab, tmp_path: Path) -> None:
        work = tmp_path / "work"
        work.mkdir()
        (work / "sitecustomize.py").write_text("WORD = 'mine'\n", encoding="utf-8")
        job = (
            "import sitecustomize, sys\n"
            "assert sitecustomize.WORD == 'mine' and not [p for p in sys.path if 'readback' in p]\n"
        )
        captured = lab.capture(work, job + JOB, PYTHONPATH=str(work))
        found = lab.replay(captured.manifest.attempt)
        assert (found["verdict"], numerics(found)[0]) == ("identical", "exact")
