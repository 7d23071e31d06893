# SPDX-License-Identifier: Apache-2.0
"""Numerics: what is asked for by variables, and what the loaded libraries really use."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from envcap.collectors.numerics import NumericsCollector
from envcap.collectors.numerics_probe import LibraryProbe
from envcap.collectors.process_env import ProcessEnvCollector
from envcap.describe import summary
from envcap.hooks.mapped import mapped_files
from envcap.model.components import EffectiveNumerics, NumericalLibrary, Numerics, NumericsOfProcess, ProcessEnv
from envcap.model.descriptor import describe_bytes
from envcap.target import Target

_ASK = """
import json, sys
import numpy
from envcap.collectors.numerics_probe import LibraryProbe
from envcap.hooks.mapped import mapped_files
json.dump(LibraryProbe(mapped_files()).numerics(), sys.stdout)
"""


def asked(environ: dict[str, str]) -> Numerics:
    """Return what is asked for in some environment variables."""
    found = NumericsCollector().collect(Target.none(environ), describe_bytes).component
    assert isinstance(found, Numerics)
    return found


class TestAsked:
    """By variables."""

    def test_what_chooses_is_recorded(self) -> None:
        environ = {"OMP_NUM_THREADS": "2", "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2", "LANG": "C", "HOME": "/me"}
        assert dict(asked(environ).variables) == {"OMP_NUM_THREADS": "2", "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2"}

    def test_none_is_a_finding(self) -> None:
        assert asked({}).to_bytes() != asked({"OMP_NUM_THREADS": "1"}).to_bytes()
        assert dict(asked({}).variables) == {}

    def test_what_threadpoolctl_leaves_to_its_children_is_not_asked_for(self) -> None:
        code = "import os, threadpoolctl; print(os.environ['KMP_DUPLICATE_LIB_OK'])"
        environ = {name: value for name, value in os.environ.items() if name != "KMP_DUPLICATE_LIB_OK"}
        done = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True)
        assert not asked({"KMP_DUPLICATE_LIB_OK": done.stdout.strip()}).variables
        assert asked({"KMP_DUPLICATE_LIB_OK": "FALSE"}).variables

    @pytest.mark.parametrize("name", ["NUMBA_CACHE_DIR", "TORCH_HOME", "MKLROOT"])
    def test_places_are_not_part_of_it(self, name: str) -> None:
        assert not asked({name: "/somewhere"}).variables

    def test_a_secret_is_no_part_of_it(self) -> None:
        assert not asked({"MKL_LICENSE_TOKEN": "hunter2"}).variables
        assert "hunter2" not in asked({"XLA_FLAGS": "--proxy=https://me:hunter2@host"}).variables["XLA_FLAGS"]

    def test_no_variable_is_in_two_components(self) -> None:
        environ = {"OMP_NUM_THREADS": "2", "LC_ALL": "C", "NPY_DISABLE_CPU_FEATURES": "AVX2"}
        other = ProcessEnvCollector().collect(Target.none(environ), describe_bytes)
        assert isinstance(other.component, ProcessEnv)
        assert list(other.component.variables) == ["LC_ALL"]
        assert other.place["other_names"] == []


def effective(**variables: str) -> dict[str, object]:
    """Return the numerics in effect in a process that has imported NumPy, with some variables set."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "OPENBLAS_", "NPY_"))}
    done = subprocess.run([sys.executable, "-c", _ASK], env={**environ, **variables}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def openblas(found: dict[str, object]) -> dict[str, object]:
    """Return what OpenBLAS says of itself."""
    (one,) = (library for library in found["libraries"] if library["kind"] == "openblas")  # type: ignore[attr-defined]
    return dict(one)


class TestInEffect:
    """By what the libraries say."""

    def test_without_a_numerical_library_there_is_none(self) -> None:
        code = (
            "from envcap.collectors.numerics_probe import LibraryProbe as n;"
            "from envcap.hooks.mapped import mapped_files as m; print(n(m()).numerics())"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert done.stdout == "None\n", done.stderr

    def test_threads_are_those_in_effect_not_those_asked_for(self) -> None:
        assert openblas(effective(OPENBLAS_NUM_THREADS="1"))["threads"] == 1
        many = openblas(effective(OPENBLAS_NUM_THREADS="64"))["threads"]
        assert many != 64 or (os.cpu_count() or 1) >= 64

    def test_the_kernel_follows_the_request(self) -> None:
        usual, other = openblas(effective()), openblas(effective(OPENBLAS_CORETYPE="Nehalem"))
        assert other["kernel"] == "Nehalem"
        assert usual["kernel"] != other["kernel"]

    def test_a_request_that_the_library_ignores_shows(self) -> None:
        assert openblas(effective(OPENBLAS_CORETYPE="NoSuchProcessor"))["kernel"] == openblas(effective())["kernel"]

    def test_it_is_what_a_peer_says(self) -> None:
        code = "import json, numpy, threadpoolctl; print(json.dumps(threadpoolctl.threadpool_info()))"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        (peer,) = (one for one in json.loads(done.stdout) if one["internal_api"] == "openblas")
        own = openblas(effective())
        assert (own["kernel"], own["threads"]) == (peer["architecture"], peer["num_threads"])
        assert peer["version"] in str(own["configuration"])

    def test_the_instruction_sets_are_numpys(self) -> None:
        import numpy as np

        found = np.show_config(mode="dicts")["SIMD Extensions"]  # type: ignore[index]
        assert set(effective()["simd"]) == {*found["baseline"], *found.get("found", [])}  # type: ignore[call-overload]

    def test_an_instruction_set_that_was_switched_off_is_not_in_effect(self) -> None:
        usual = effective()["simd"]
        last = usual[-1]  # type: ignore[index]
        assert last not in effective(NPY_DISABLE_CPU_FEATURES=last)["simd"]  # type: ignore[operator]

    def test_nothing_is_loaded_for_it(self) -> None:
        before = mapped_files()
        LibraryProbe(before).numerics()
        assert [path for path in mapped_files() if "blas" in path] == [path for path in before if "blas" in path]

    def test_a_library_that_is_none_is_passed_over(self, tmp_path: Path) -> None:
        assert LibraryProbe([str(tmp_path / "text.so")]).numerics() is None or "numpy" in sys.modules


def test_no_instruction_set_is_told_as_the_widest() -> None:
    """They are in the order of the alphabet: ``SSSE3`` comes after ``AVX512F``."""
    library = NumericalLibrary(library="libopenblas.so", kind="openblas", kernel="SkylakeX", threads=1)
    openmp = NumericalLibrary(library="libgomp.so.1", kind="openmp", threads=None)
    process = NumericsOfProcess(simd=["AVX2", "AVX512F", "SSSE3"], libraries=[library, openmp], cpus=2)
    told = summary("effective_numerics", EffectiveNumerics(processes=[process]).data)
    assert told == "openblas SkylakeX threads 1, openmp threads ?, SIMD AVX2 AVX512F SSSE3"
