# SPDX-License-Identifier: Apache-2.0
"""The libraries that were really loaded: also the one that nobody installed."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from envcap.collectors.loaded_libraries import build_id, describe_libraries
from envcap.digest import digest_of_file
from envcap.errors import CollectorError
from envcap.hooks.mapped import mapped_files
from envcap.model.components import LoadedLibraries
from envcap.store.local import LocalStore

Run = Callable[..., subprocess.CompletedProcess[str]]


def libc() -> str:
    """Return the C library's file."""
    return next(path for path in mapped_files() if "/libc.so" in path or "/libc-" in path)


@pytest.fixture
def stray(tmp_path: Path) -> Path:
    """Give a copy of an extension module without its build id: a library that nobody can name."""
    original = next(Path(p) for p in mapped_files() if p.endswith(".so") and "python" in p and "lib-dynload" in p)
    made = tmp_path / "stray.so"
    data = bytearray(original.read_bytes())
    at = data.find(b"\x04\x00\x00\x00\x14\x00\x00\x00\x03\x00\x00\x00GNU\x00")
    if at >= 0:
        data[at + 12 : at + 15] = b"XXX"
    made.write_bytes(data)
    return made


@pytest.fixture
def observed(envcap: Run, store: LocalStore) -> Callable[[], LoadedLibraries]:
    """Give a function that returns what the last job had loaded."""

    def read() -> LoadedLibraries:
        result = json.loads(envcap("show", "@last", "--json").stdout)["result"]
        assert result["outcomes"]["loaded_libraries"] == {"status": "captured"}
        return LoadedLibraries.from_bytes(store.get(result["observed"]["loaded_libraries"]["digest"]))

    return read


def test_a_build_id_is_what_the_linker_wrote() -> None:
    found = build_id(libc())
    assert found is not None
    assert len(found) == 40
    readelf = shutil.which("readelf")
    if readelf:
        assert found in subprocess.run([readelf, "-n", libc()], capture_output=True, text=True).stdout


def test_without_a_build_id_the_digest_tells(stray: Path) -> None:
    assert build_id(str(stray)) is None
    (one,) = describe_libraries([str(stray)], (), {}).libraries
    assert (one.build_id, one.sha256) == (None, digest_of_file(str(stray))[0])


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x7fELF",
        b"\x7fELF\x02\x01" + b"\xff" * 58,
        b"\x7fELF\x02\x01" + bytes(58),
        b"\x7fELF\x01\x01" + bytes(99),
    ],
)
def test_what_is_no_library_has_no_build_id(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x.so").write_bytes(data)
    assert build_id(str(tmp_path / "x.so")) is None


def test_a_library_that_is_gone_is_named(tmp_path: Path) -> None:
    (one,) = describe_libraries([f"{tmp_path}/gone.so (deleted)"], (), {}).libraries
    assert one.path.endswith("gone.so (deleted)")
    assert (one.build_id, one.sha256) == (None, None)


def test_none_can_not_be() -> None:
    with pytest.raises(CollectorError):
        describe_libraries([], (), {})


def test_the_prefix_is_no_identity(tmp_path: Path) -> None:
    made = []
    for name in ("a", "b"):
        (tmp_path / name / "lib").mkdir(parents=True)
        shutil.copy(libc(), tmp_path / name / "lib" / "x.so")
        made.append(describe_libraries([f"{tmp_path}/{name}/lib/x.so"], ((f"{tmp_path}/{name}", "{prefix}"),), {}))
    assert made[0].to_bytes() == made[1].to_bytes()
    assert made[0].libraries[0].path == "{prefix}/lib/x.so"


def test_what_a_job_loads_only_while_it_runs(
    envcap: Run, work: Path, stray: Path, observed: Callable[[], LoadedLibraries]
) -> None:
    (work / "plain.py").write_text("pass\n")
    (work / "loads.py").write_text(f"import ctypes; ctypes.CDLL({str(stray)!r}, mode=1)\n")
    assert envcap("run", "--", sys.executable, "plain.py").returncode == 0
    without = {one.path for one in observed().libraries}
    assert str(stray) not in without
    assert any("libc" in path for path in without)
    assert envcap("run", "--", sys.executable, "loads.py").returncode == 0
    (one,) = (one for one in observed().libraries if one.path == str(stray))
    assert one.sha256 == digest_of_file(str(stray))[0]


def test_a_preloaded_library_stands_out(
    envcap: Run, work: Path, tmp_path: Path, observed: Callable[[], LoadedLibraries]
) -> None:
    source = next(path for path in mapped_files() if "libm.so" in path or "libz.so" in path or "libdl.so" in path)
    injected = tmp_path / "libinjected.so"
    shutil.copy(source, injected)
    done = envcap("run", "--", sys.executable, "-c", "pass", env={"LD_PRELOAD": str(injected)})
    assert done.returncode == 0
    assert str(injected) in {one.path for one in observed().libraries}


def test_a_library_that_takes_the_place_of_another_is_another(stray: Path) -> None:
    """Also in one process that describes it twice: what it says the second time is remembered on the node."""
    found = []
    for data in (stray.read_bytes(), stray.read_bytes() + b"more"):
        stray.write_bytes(data)
        (library,) = describe_libraries([str(stray)], [], {}).libraries
        found.append(library.sha256)
    assert found[0] != found[1] == digest_of_file(str(stray))[0]


@pytest.mark.parametrize(
    ("command", "status", "told"),
    [
        (("true",), "absent", "ran no Python program"),
        ((sys.executable, "-S", "-c", "pass"), "absent", f"{sys.prefix} told nothing"),
        ((sys.executable, "-c", "import os; os._exit(0)"), "failed", "os._exit"),
        ((sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"), "failed", "killed"),
    ],
)
def test_what_could_not_be_seen_is_said(envcap: Run, command: tuple[str, ...], status: str, told: str) -> None:
    envcap("run", "--", *command)
    outcome = json.loads(envcap("show", "@last", "--json").stdout)["result"]["outcomes"]["loaded_libraries"]
    assert outcome["status"] == status
    assert told in outcome["reason"]


def test_the_libraries_of_all_its_processes_count(
    envcap: Run, work: Path, stray: Path, observed: Callable[[], LoadedLibraries]
) -> None:
    (work / "child.py").write_text(f"import ctypes; ctypes.CDLL({str(stray)!r}, mode=1)\n")
    script = f"{sys.executable} child.py; {sys.executable} -c pass"
    assert envcap("run", "--", "sh", "-c", script).returncode == 0
    assert str(stray) in {one.path for one in observed().libraries}
