# SPDX-License-Identifier: Apache-2.0
"""Each pin by itself: which variables follow from what was in effect there and what is on offer here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from envcap.model.components import NumericalLibrary, NumericsOfProcess
from replay.errors import ReplayRefusedError
from replay.pinning.base import Here, NumPyFacts, Pin, merged
from replay.pinning.blas_kernel import kernel_pins
from replay.pinning.glibc import glibc_pin
from replay.pinning.mkl import mkl_pin
from replay.pinning.numpy_dispatch import numpy_pin
from replay.pinning.threads import thread_pin
from replay.readback.wanted import Wanted

NEW = NumPyFacts("2.5.5", ("X86_V2",), ("X86_V3", "X86_V4", "AVX512_ICL"))
OLD = NumPyFacts("2.2.6", ("SSE", "SSE2", "SSE3"), ("SSSE3", "SSE41", "POPCNT", "SSE42", "AVX", "F16C", "FMA3", "AVX2",
                 "AVX512F", "AVX512CD", "AVX512_SKX", "AVX512_CLX", "AVX512_ICL"))  # fmt: skip
FLAGS = frozenset(
    {"sse4_1", "sse4_2", "avx", "avx2", "fma", "bmi2", "avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}
)
HASWELLS = frozenset({"sse4_1", "sse4_2", "avx", "avx2", "fma", "bmi2"})


def process(
    kernel: str | None = "SkylakeX",
    threads: int = 2,
    *,
    simd: Sequence[str] = (),
    libm: str | None = None,
    openmp: int | None = None,
    configuration: str | None = None,
) -> NumericsOfProcess:
    """Return the numerics of a process."""
    found = [NumericalLibrary(library="libopenblas.so", kind="openblas", kernel=kernel, threads=threads,
                              configuration=configuration)]  # fmt: skip
    if libm is not None:
        found.append(NumericalLibrary(library="libm.so.6", kind="libm", kernel=libm))
    if openmp is not None:
        found.append(NumericalLibrary(library="libgomp.so.1", kind="openmp", threads=openmp))
    return NumericsOfProcess(simd=list(simd), libraries=found, cpus=2)


def mkl(kernel: str | None) -> NumericsOfProcess:
    """Return the numerics of a process that has loaded MKL."""
    library = NumericalLibrary(library="libmkl_rt.so.3", kind="mkl", kernel=kernel, threads=2)
    return NumericsOfProcess(simd=[], libraries=[library], cpus=2)


def here(
    plain: NumericsOfProcess,
    *,
    numpy: NumPyFacts = NEW,
    libc: str = "glibc 2.36",
    flags: frozenset[str] = FLAGS,
    variables: Mapping[str, str] | None = None,
) -> Here:
    """Return what is on offer."""
    return Here(plain, plain, numpy, libc, flags, variables or {})


class TestKernel:
    """OPENBLAS_CORETYPE."""

    def test_one_that_is_used_anyway_is_not_pinned(self) -> None:
        assert kernel_pins(Wanted((process("Zen"),)), here(process("Zen"))) == []

    @pytest.mark.parametrize("kernel", ["Haswell", "Zen", "Nehalem", "Sandybridge"])
    def test_one_that_this_processor_can_run_is(self, kernel: str) -> None:
        (pin,) = kernel_pins(Wanted((process(kernel),)), here(process()))
        assert pin == Pin({"OPENBLAS_CORETYPE": kernel})

    @pytest.mark.parametrize(
        ("kernel", "lacking"), [("SkylakeX", "avx512f"), ("Bulldozer", "fma4"), ("SapphireRapids", "amx_bf16")]
    )
    def test_one_that_it_cannot_run_is_never_set(self, kernel: str, lacking: str) -> None:
        """OpenBLAS would do as told, and the payload die of an illegal instruction."""
        (pin,) = kernel_pins(Wanted((process(kernel),)), here(process("Haswell"), flags=HASWELLS))
        assert not pin.variables
        assert lacking in pin.reasons[0]

    def test_one_that_nobody_knows_runs_where_its_processor_could_do_no_more(self) -> None:
        (pin,) = kernel_pins(Wanted((process("Novel"),), HASWELLS), here(process()))
        assert pin.variables == {"OPENBLAS_CORETYPE": "Novel"}
        for flags in (None, HASWELLS | {"novel"}):
            (pin,) = kernel_pins(Wanted((process("Novel"),), flags), here(process()))
            assert not pin.variables

    def test_two_are_tried_one_after_the_other(self) -> None:
        two = Wanted((process("Haswell"), process("Nehalem")))
        assert [dict(pin.variables) for pin in kernel_pins(two, here(process()))] == [
            {"OPENBLAS_CORETYPE": "Haswell"}, {"OPENBLAS_CORETYPE": "Nehalem"}
        ]  # fmt: skip

    @pytest.mark.parametrize("kernel", ["Has well", "Zen\nLD_PRELOAD=x", "-", "x" * 41])
    def test_a_name_that_is_none_is_refused(self, kernel: str) -> None:
        with pytest.raises(ReplayRefusedError, match="kernel"):
            kernel_pins(Wanted((process(kernel),), FLAGS), here(process()))


class TestThreads:
    """OPENBLAS_NUM_THREADS and OMP_NUM_THREADS."""

    def test_of_openblas(self) -> None:
        assert thread_pin(Wanted((process(threads=8),)), here(process(threads=2))).variables == {
            "OPENBLAS_NUM_THREADS": "8"
        }
        assert thread_pin(Wanted((process(threads=2),)), here(process(threads=2))) == Pin({}, (), [])

    def test_of_openmp_keeps_openblas_as_it_is(self) -> None:
        pin = thread_pin(Wanted((process(openmp=4),)), here(process()))
        assert pin.variables == {"OMP_NUM_THREADS": "4", "OPENBLAS_NUM_THREADS": "2"}
        asked = here(process(), variables={"OMP_NUM_THREADS": "4"})
        assert thread_pin(Wanted((process(openmp=4),)), asked).variables == {}

    def test_of_an_openblas_that_is_built_on_openmp(self) -> None:
        pin = thread_pin(Wanted((process(threads=1),)), here(process(configuration="OpenBLAS 0.3 USE_OPENMP Zen")))
        assert pin.variables == {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}

    def test_several_counts_are_named(self) -> None:
        pin = thread_pin(Wanted((process(threads=1), process(threads=8))), here(process()))
        assert not pin.variables
        assert "1 and 8 threads" in pin.reasons[0]


class TestMkl:
    """MKL_ENABLE_INSTRUCTIONS and MKL_CBWR."""

    @pytest.mark.parametrize(
        ("there", "pin"),
        [
            ("OFF AVX512_E1", {}),
            ("OFF AVX2", {"MKL_ENABLE_INSTRUCTIONS": "AVX2"}),
            ("AUTO AVX2", {"MKL_CBWR": "AVX2"}),
            ("AVX2", {"MKL_CBWR": "AVX2"}),
            ("AUTO AUTO", {"MKL_CBWR": "AUTO"}),
            ("COMPATIBLE", {"MKL_CBWR": "COMPATIBLE"}),
        ],
    )
    def test_it_is_told_what_it_was_told_and_bounded_where_it_was_free(self, there: str, pin: dict[str, str]) -> None:
        assert mkl_pin(Wanted((mkl(there),)), here(mkl("OFF AVX512_E1"))).variables == pin

    @pytest.mark.parametrize("there", ["OFF NOVEL", "OFF AUTO", "OFF COMPATIBLE", "OFF AVX2\nLD_PRELOAD=x", None])
    def test_what_cannot_be_asked_for_is_named(self, there: str | None) -> None:
        pin = mkl_pin(Wanted((mkl(there),)), here(mkl("OFF AVX512_E1")))
        assert not pin.variables
        assert pin.reasons

    def test_where_it_cannot_be_asked_the_processors_decide(self) -> None:
        assert not mkl_pin(Wanted((mkl("OFF AVX512_E1"),), FLAGS), here(process())).variables
        assert mkl_pin(Wanted((mkl("OFF AVX2"),), HASWELLS), here(process())).variables


class TestNumPy:
    """NPY_DISABLE_CPU_FEATURES."""

    def test_what_was_not_used_is_taken_away(self) -> None:
        plain = process(simd=("X86_V2", "X86_V3", "X86_V4", "AVX512_ICL"))
        pin = numpy_pin(Wanted((process(simd=("X86_V2", "X86_V3")),)), here(plain))
        assert pin.variables == {"NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL"}

    def test_nothing_is_taken_away_that_was_used(self) -> None:
        plain = process(simd=("X86_V2", "X86_V3"))
        assert numpy_pin(Wanted((process(simd=("X86_V2", "X86_V3")),)), here(plain)) == Pin()
        assert not numpy_pin(Wanted((process(simd=("X86_V2", "X86_V3", "X86_V4")),)), here(plain)).variables

    def test_a_baseline_cannot_be_taken_away(self) -> None:
        """NumPy only warns of it, which a payload may have made an error."""
        plain = process(simd=("X86_V2", "X86_V3"))
        assert (
            "X86_V2" not in numpy_pin(Wanted((process(simd=("OTHER",)),)), here(plain)).variables.popitem()[1].split()
        )

    def test_names_of_an_older_numpy(self) -> None:
        """2.2 names single sets, 2.4 and later name groups."""
        there = Wanted((process(simd=(*OLD.baseline, *OLD.dispatch[:8])),))  # up to AVX2
        plain = process(simd=(*NEW.baseline, *NEW.dispatch))
        assert numpy_pin(there, here(plain)).variables == {"NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL"}

    def test_names_of_a_newer_numpy(self) -> None:
        there = Wanted((process(simd=("X86_V2", "X86_V3")),))
        pin = numpy_pin(there, here(process(simd=(*OLD.baseline, *OLD.dispatch)), numpy=OLD))
        assert pin.variables == {"NPY_DISABLE_CPU_FEATURES": "AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_ICL"}

    def test_the_other_variable_goes(self) -> None:
        """NumPy refuses to be imported with both."""
        asked = here(process(simd=("X86_V2", "X86_V3")), variables={"NPY_ENABLE_CPU_FEATURES": "X86_V3"})
        pin = numpy_pin(Wanted((process(simd=("X86_V2",)),)), asked)
        assert pin.applied(asked.variables) == {"NPY_DISABLE_CPU_FEATURES": "X86_V3"}


class TestGlibc:
    """GLIBC_TUNABLES."""

    @pytest.mark.parametrize(
        ("libc", "value"),
        [
            ("glibc 2.36", "glibc.cpu.hwcaps=-AVX2,-FMA"),
            ("glibc 2.33", "glibc.cpu.hwcaps=-AVX2,-FMA"),
            ("glibc 2.31", "glibc.cpu.hwcaps=-AVX2,-FMA,-AVX2_Usable,-FMA_Usable"),
            ("glibc 2.28", "glibc.tune.hwcaps=-AVX2,-FMA,-AVX2_Usable,-FMA_Usable"),
        ],
    )
    def test_the_names_are_those_of_the_version(self, libc: str, value: str) -> None:
        plain = here(process(libm="AVX AVX2 FMA SSE4_1"), libc=libc)
        assert glibc_pin(Wanted((process(libm="AVX SSE4_1"),)), plain).variables == {"GLIBC_TUNABLES": value}

    @pytest.mark.parametrize("libc", ["glibc 2.17", ""])
    def test_without_tunables_it_is_named(self, libc: str) -> None:
        pin = glibc_pin(Wanted((process(libm="AVX"),)), here(process(libm="AVX FMA"), libc=libc))
        assert not pin.variables
        assert "FMA" in pin.reasons[0]

    def test_by_the_processor_where_nothing_was_recorded(self) -> None:
        """Records made before libm was asked have the flags of the processor alone."""
        pin = glibc_pin(
            Wanted((process(),), HASWELLS - {"bmi2"}), here(process(libm="AVX AVX2 AVX512DQ AVX512F FMA SSE4_1"))
        )
        assert pin.variables == {
            "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX512BW,-AVX512CD,-AVX512DQ,-AVX512F,-AVX512VL,-BMI2"
        }
        assert (
            glibc_pin(Wanted((process(),), FLAGS), here(process(libm="AVX AVX2 AVX512DQ AVX512F FMA SSE4_1"))) == Pin()
        )

    def test_other_tunables_of_the_job_stay(self) -> None:
        asked = {"GLIBC_TUNABLES": "glibc.malloc.arena_max=1:glibc.cpu.hwcaps=-AVX512F"}
        wanted = Wanted((process(libm="AVX"),), masked=frozenset({"AVX512F"}))
        pin = glibc_pin(wanted, here(process(libm="AVX FMA"), variables=asked))
        assert pin.variables == {"GLIBC_TUNABLES": "glibc.malloc.arena_max=1:glibc.cpu.hwcaps=-AVX512F,-FMA"}


def test_pins_are_put_together() -> None:
    pin = merged((Pin({"A": "1"}, ("X",), ("why",)), Pin({"B": "2"}, ("Y",))))
    assert pin.applied({"A": "0", "X": "0", "Z": "0"}) == {"A": "1", "B": "2", "Z": "0"}
    assert pin.reasons == ("why",)
