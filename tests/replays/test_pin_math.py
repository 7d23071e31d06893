# SPDX-License-Identifier: Apache-2.0
"""`--pin-math`: bits that another host's numerics made are made again, and what was in effect is read back.

The other host is this one: a job runs with variables, and is recorded as if it had asked for none.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

import replay
from envcap.hooks.loaded import NUMERICS
from envcap.model.components import Numerics
from envcap.model.manifest import Outcome
from envcap.store.index import Attempt
from examples.world import World
from replay.comparators.policy import Verdict
from tests.elsewhere import effective, from_elsewhere, with_libraries
from tests.numerical_lab import NumericalLab, numerics, openblas, other_kernel
from tests.observatory import Observatory
from tests.replays.test_other_pythons import other_pythons

_DISPATCH = (
    "from numpy._core._multiarray_umath import __cpu_dispatch__ as d, __cpu_features__ as f; print(*filter(f.get, d))"
)
_ONE = "detector = 0 AND exposure = 2026031400001"
_GEMM = (
    "import dataclasses, numpy as np",
    "a = np.random.default_rng(7).standard_normal((257, 257))",
    "last_bits = int(((a @ a).view(np.uint64) & np.uint64(0xFFFF)).sum() % 9973)",
    "calibrated = dataclasses.replace(calibrated, image=calibrated.image * np.float32(1.0 + last_bits / 1e5))",
)


REQUESTS: dict[str, Callable[[NumericalLab], tuple[str, str]]] = {
    "kernel": lambda lab: ("OPENBLAS_CORETYPE", other_kernel(lab)),
    "dispatch": lambda lab: ("NPY_DISABLE_CPU_FEATURES", lab.ask(_DISPATCH)),
    "libm": lambda lab: ("GLIBC_TUNABLES", "glibc.cpu.hwcaps=-AVX2,-FMA"),
}
if len(os.sched_getaffinity(0)) > 1:
    REQUESTS["threads"] = lambda lab: ("OPENBLAS_NUM_THREADS", "1")


@pytest.mark.parametrize(
    "request_of",
    [pytest.param(one, id=name, marks=[] if name == "kernel" else pytest.mark.slow) for name, one in REQUESTS.items()],
)
def test_other_bits_without_and_the_same_with(
    lab: NumericalLab, tmp_path: Path, request_of: Callable[[NumericalLab], tuple[str, str]]
) -> None:
    name, value = request_of(lab)
    captured = lab.capture(tmp_path / "work", **{name: value})
    attempt = from_elsewhere(lab.store, lab.key, captured)
    plain = lab.replay(attempt, status=1)
    assert plain["verdict"] == "different"
    assert numerics(plain)[0] == "substituted"
    check_pinned(lab, captured, attempt, name)
    planned = lab.run("replay", "plan", f"attempt:{attempt}", "--pin-math")
    assert "to be pinned, and read back" in " ".join(planned.stdout.split())


def check_pinned(lab: NumericalLab, captured: Attempt, attempt: str, name: str) -> None:
    """Hold a replay that pins one variable against what was captured with it."""
    pinned = lab.replay(attempt, "--pin-math")
    assert pinned["verdict"] == "identical"
    fidelity, detail = numerics(pinned)
    assert fidelity == "exact"
    assert f"pinned: {name}=" in detail
    again = lab.load(pinned["replay"])
    assert again.result is not None
    assert captured.result is not None
    assert again.result.observed == {NUMERICS: (captured.result.observed or {})[NUMERICS]}
    asked = Numerics.from_bytes(lab.store.get(again.recipe.software["numerics"].digest))
    assert list(asked.variables) == [name]


@pytest.mark.slow
@pytest.mark.parametrize("python", other_pythons())
def test_on_another_python(tmp_path: Path, python: str) -> None:
    """Which gets another NumPy, with other names."""
    lab = NumericalLab(World(tmp_path, python))
    lab.make()
    for kind in ("kernel", "dispatch"):
        name, value = REQUESTS[kind](lab)
        captured = lab.capture(tmp_path / "work", **{name: value})
        check_pinned(lab, captured, from_elsewhere(lab.store, lab.key, captured), name)


_DGEMM = """\
import ctypes, os, random, sys
import numpy as np
os.environ["MKL_THREADING_LAYER"] = "SEQUENTIAL"
mkl = ctypes.CDLL(os.path.join(sys.prefix, "lib", "libmkl_rt.so.3"), mode=ctypes.RTLD_GLOBAL)
random.seed(1)
n, size, array = 300, ctypes.c_int, np.ctypeslib.ndpointer(float)
a, c = np.array([random.gauss(0, 1) for _ in range(300 * 300)]), np.zeros(300 * 300)
mkl.cblas_dgemm.argtypes = [*[size] * 6, ctypes.c_double, array, size, array, size, ctypes.c_double, array, size]
mkl.cblas_dgemm(101, 111, 111, n, n, n, 1.0, a, n, a, n, 0.0, c, n)
np.save(sys.argv[1], c)
"""


@pytest.mark.slow
def test_mkl(tmp_path: Path) -> None:
    """Whether it was bounded, or told a branch: the real library, which takes 220 MB.

    On processors of others than Intel it has one branch, whatever it is told, and the one that is the same on all.
    """
    lab = NumericalLab(World(tmp_path))
    lab.make()
    lab.world.install("--no-deps", "mkl==2026.2.0")
    free = _made(lab.capture(tmp_path / "work", _DGEMM))
    for name, value in (("MKL_CBWR", "COMPATIBLE"), ("MKL_ENABLE_INSTRUCTIONS", "AVX2"), ("MKL_CBWR", "AVX2")):
        captured = lab.capture(tmp_path / "work", _DGEMM, **{name: value})
        differs = _made(captured) != free
        assert differs or value != "COMPATIBLE"
        # The processor is this one, which is what tells where MKL can't be asked before the payload loads it.
        attempt = from_elsewhere(lab.store, lab.key, captured, more_flags=["of_another"])
        plain, pinned = lab.replay(attempt, status=int(differs)), lab.replay(attempt, "--pin-math")
        assert (pinned["verdict"], numerics(pinned)[0]) == ("identical", "exact")
        if differs:
            assert "libmkl_rt.so.3 kernel OFF" in numerics(plain)[1]
            assert f"{name}={value}" in numerics(pinned)[1]


def _made(captured: Attempt) -> str | None:
    assert captured.result is not None
    return captured.result.outputs[0].file.digest


@pytest.mark.slow
def test_where_nothing_has_to_be_pinned_nothing_is(lab: NumericalLab, tmp_path: Path) -> None:
    captured = lab.capture(tmp_path / "work", OPENBLAS_NUM_THREADS="1")
    found = lab.replay(captured.manifest.attempt, "--pin-math")
    assert numerics(found)[0] == "exact"
    assert numerics(found)[1].startswith("OPENBLAS_NUM_THREADS=1; pinned: nothing needed it; read back:")
    assert lab.load(found["replay"]).manifest.recipe == captured.manifest.recipe


class TestWhatCannotBePinned:
    """It is named, and the layer is substituted."""

    def test_a_kernel_that_the_library_does_not_know(self, lab: NumericalLab, tmp_path: Path) -> None:
        captured = lab.capture(tmp_path / "work")
        there = with_libraries(effective(lab.store, captured), "openblas", kernel="NoSuchCore")
        found = lab.replay(from_elsewhere(lab.store, lab.key, captured, numerics=there), "--pin-math")
        fidelity, detail = numerics(found)
        assert fidelity == "substituted"
        assert f"kernel {lab.kernel()} instead of NoSuchCore" in detail
        assert "OpenBLAS was built here without a kernel NoSuchCore" in detail
        assert "OPENBLAS_CORETYPE" not in detail

    @pytest.mark.slow
    def test_a_kernel_that_the_processor_cannot_run(self, lab: NumericalLab, tmp_path: Path) -> None:
        captured = lab.capture(tmp_path / "work")
        there = with_libraries(effective(lab.store, captured), "openblas", kernel="Bulldozer")
        assert "fma4" not in Path("/proc/cpuinfo").read_text(encoding="utf-8").split()
        attempt = from_elsewhere(lab.store, lab.key, captured, numerics=there, more_flags=["fma4"])
        plan = lab.run("replay", "plan", f"attempt:{attempt}", "--pin-math")
        assert "this processor lacks fma4" in " ".join(plan.stdout.split())
        fidelity, detail = numerics(lab.replay(attempt, "--pin-math"))
        assert fidelity == "substituted"
        assert "OpenBLAS's kernel Bulldozer needs fma4, which this processor lacks" in detail
        refused = lab.run("replay", "run", f"attempt:{attempt}", "--pin-math", "--require", "rebuilt")
        assert refused.returncode == 3
        assert "numerics is substituted" in refused.stderr

    @pytest.mark.slow
    def test_an_instruction_set_that_the_processor_lacks(self, lab: NumericalLab, tmp_path: Path) -> None:
        captured = lab.capture(tmp_path / "work")
        real = effective(lab.store, captured)
        processes = [{**one.data, "simd": [*one.simd, "X86_V9"]} for one in real.processes]
        there = real.checked({**real.data, "processes": processes})
        found = lab.replay(from_elsewhere(lab.store, lab.key, captured, numerics=there), "--pin-math")
        assert numerics(found)[0] == "substituted"
        assert "NumPy's dispatch -X86_V9" in numerics(found)[1]

    @pytest.mark.slow
    def test_threads_that_the_host_has_no_processors_for(self, lab: NumericalLab, tmp_path: Path) -> None:
        captured = lab.capture(tmp_path / "work")
        there = with_libraries(effective(lab.store, captured), "openblas", threads=4096)
        attempt = from_elsewhere(lab.store, lab.key, captured, numerics=there)
        assert "4096 threads" in lab.run("replay", "plan", f"attempt:{attempt}", "--pin-math").stdout
        fidelity, detail = numerics(lab.replay(attempt, "--pin-math"))
        assert fidelity == "substituted"
        assert "pinned: OPENBLAS_NUM_THREADS=4096" in detail
        assert "instead of 4096" in detail

    @pytest.mark.slow
    def test_what_was_not_found_out(self, lab: NumericalLab, tmp_path: Path) -> None:
        captured = lab.capture(tmp_path / "work")
        lost = Outcome(status="failed", reason="its process was killed")
        found = lab.replay(from_elsewhere(lab.store, lab.key, captured, outcome=lost), "--pin-math")
        assert numerics(found)[0] == "substituted"
        assert "not pinned" in numerics(found)[1]
        assert "its process was killed" in numerics(found)[1]


@pytest.mark.slow
def test_a_quantum_is_pinned(own: Observatory) -> None:
    """Its process is a fork of one that has imported NumPy before."""
    own.edit_measure(*_GEMM)
    lab, run = NumericalLab(own.world), "u/me/nehalem"
    command = ["envcap", "run", "--", *own.world.pipetask(run, "-d", _ONE)]
    own.world.run(command, variables={**own.world.variables(), "OPENBLAS_CORETYPE": "Nehalem"})
    captured = own.attempt("measure {", run)
    attempt = from_elsewhere(lab.store, lab.key, captured)
    plain = lab.replay(attempt, status=1)
    assert "instead of Nehalem" in numerics(plain)[1]
    pinned = lab.replay(attempt, "--pin-math")
    assert pinned["verdict"] in ("identical", "equal")
    assert numerics(pinned)[0] == "exact"
    assert "OPENBLAS_CORETYPE=Nehalem" in numerics(pinned)[1]
    again = lab.load(pinned["replay"]).result
    assert again is not None
    assert again.observed is not None
    assert openblas(lab, lab.load(pinned["replay"])).kernel == "Nehalem"


@pytest.mark.slow
def test_the_api_pins(lab: NumericalLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in lab.world.variables(job=False).items():
        monkeypatch.setenv(name, value)
    captured = lab.capture(tmp_path / "work", OPENBLAS_CORETYPE=other_kernel(lab))
    attempt = f"attempt:{from_elsewhere(lab.store, lab.key, captured)}"
    planned = {one.name: one for one in replay.plan(attempt, pin_math=True, store=str(lab.world.store)).layers}
    assert other_kernel(lab) in planned["numerics"].detail
    found = replay.rerun(attempt, pin_math=True, store=str(lab.world.store), quiet=True)
    assert found.verdict is Verdict.IDENTICAL
