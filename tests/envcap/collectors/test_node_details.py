# SPDX-License-Identifier: Apache-2.0
"""What libraries know of the node: held against the system, without some of them, and with GPUs that aren't here."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import time
import types
from collections.abc import Callable
from pathlib import Path

import pytest

from envcap.collectors.base import Absent
from envcap.collectors.hardware import HardwareCollector
from envcap.collectors.node_details import KIND, MODULES, NOT_INSTALLED, node_details
from envcap.collectors.operating_system import OperatingSystemCollector
from envcap.describe import summary
from envcap.environment import capture_environment
from envcap.hooks import node
from envcap.hooks.node import look_at_node
from envcap.model.components import Hardware, NodeDetails, OperatingSystem
from envcap.model.manifest import Outcome
from envcap.store.index import Attempt
from envcap.store.local import LocalStore
from envcap.target import Target
from tests.envcap.collectors.node_trees import UUID

Run = Callable[..., subprocess.CompletedProcess[str]]
NONE = Target.none({})
UNTIL_KNOWN = f"""
for i in $(seq 500); do
    ls "$ENVCAP_CACHE"/memo/*/{hashlib.sha256(KIND.encode()).hexdigest()[:32]}.json && exit 0
    sleep 0.1
done
exit 1
"""
"""A job that ends when a look at the node has ended."""


@pytest.fixture
def lacking(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Give a function that makes modules as if they were not installed."""

    def remove(*names: str) -> None:
        for name in names:
            monkeypatch.setitem(sys.modules, name, None)

    return remove


@pytest.fixture
def only_nvml(lacking: Callable[..., None]) -> None:
    """Leave out what takes its time."""
    lacking(*(name for name in MODULES.values() if name != "pynvml"))


class TestThisNode:
    """Held against what we read ourselves."""

    def test_all_libraries_agree_with_the_kernel(self) -> None:
        found = node_details()
        hardware = HardwareCollector().collect(NONE, pytest.fail).component
        system = OperatingSystemCollector().collect(NONE, pytest.fail).component
        assert isinstance(hardware, Hardware)
        assert isinstance(system, OperatingSystem)
        assert found.failed == {}
        assert found.cpu is not None
        assert found.cpu.get("brand") == hardware.cpu_model
        assert (found.distribution or {})["id"] == system.distribution["id"]
        assert hardware.cores in (None, found.physical_cores)
        assert len(found.gpus or ()) == len(hardware.gpus or ())
        swap = next(line for line in Path("/proc/meminfo").read_text().splitlines() if line.startswith("SwapTotal"))
        assert found.swap_bytes == int(swap.split()[1]) * 1024
        assert str(found.cpu["brand"]) in summary("node_details", found.data)

    def test_a_clock_rate_that_only_holds_now_is_left_out(self, monkeypatch: pytest.MonkeyPatch) -> None:
        cpuinfo = pytest.importorskip("cpuinfo")
        told = {"brand_raw": "AMD EPYC 7763", "hz_advertised": [3527341000, 0], "l3_cache_size": 33554432}
        monkeypatch.setattr(cpuinfo, "get_cpu_info", lambda: told)
        assert node_details().cpu == {"brand": "AMD EPYC 7763", "l3_cache": "33554432"}
        told.update(brand_raw="Xeon E5 @ 2.40GHz", hz_advertised=[2400000000, 0])
        assert (node_details().cpu or {})["hz_advertised"] == "2400000000"


class TestLibraries:
    """Some are not installed, or go wrong."""

    def test_none_is_absent(self, lacking: Callable[..., None]) -> None:
        lacking(*MODULES.values())
        with pytest.raises(Absent, match=r"pip install 'envcap\[node\]'"):
            node_details()

    def test_what_is_not_installed_is_named(self, lacking: Callable[..., None]) -> None:
        lacking("cpuinfo", "pynvml")
        found = node_details()
        assert found.failed == {"py-cpuinfo": NOT_INSTALLED, "nvidia-ml-py": NOT_INSTALLED}
        assert (found.cpu, found.gpus) == (None, None)
        assert found.distribution

    def test_one_that_goes_wrong_takes_nothing_along(
        self, lacking: Callable[..., None], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def explode() -> None:
            raise ZeroDivisionError("of theirs")

        lacking("cpuinfo")
        monkeypatch.setattr(pytest.importorskip("distro"), "id", explode)
        found = node_details()
        assert found.failed["distro"] == "ZeroDivisionError: of theirs"
        assert found.distribution is None
        assert found.swap_bytes is not None


class NvmlError(Exception):
    """As NVML's."""


class LibraryNotFoundError(NvmlError):
    """There is no driver."""


class NotSupportedError(NvmlError):
    """A GPU has no such fact."""


def nvml(**others: object) -> types.ModuleType:
    """Return a module that answers as NVML does for two GPUs, of which the second shares its memory."""
    fake = types.ModuleType("pynvml")

    def memory(handle: int) -> object:
        if handle == 1:
            raise NotSupportedError
        return types.SimpleNamespace(total=85520809984)

    answers: dict[str, object] = {
        "NVMLError_LibraryNotFound": LibraryNotFoundError,
        "NVMLError_NotSupported": NotSupportedError,
        "nvmlInit": lambda: None,
        "nvmlShutdown": lambda: None,
        "nvmlSystemGetDriverVersion": lambda: "550.54.15",
        "nvmlSystemGetCudaDriverVersion": lambda: 12040,
        "nvmlDeviceGetCount": lambda: 2,
        "nvmlDeviceGetHandleByIndex": lambda number: number,
        "nvmlDeviceGetName": lambda handle: ("NVIDIA H100", "NVIDIA GB10")[handle],
        "nvmlDeviceGetUUID": lambda handle: UUID,
        "nvmlDeviceGetCudaComputeCapability": lambda handle: (9, 0),
        "nvmlDeviceGetMemoryInfo": memory,
    }
    vars(fake).update({**answers, **others})
    return fake


@pytest.mark.usefixtures("only_nvml")
class TestGpus:
    """NVML's."""

    @pytest.fixture(autouse=True)
    def use(self, monkeypatch: pytest.MonkeyPatch) -> Callable[..., NodeDetails]:
        """Give a function that returns what is made of a fake NVML."""

        def run(**others: object) -> NodeDetails:
            monkeypatch.setitem(sys.modules, "pynvml", nvml(**others))
            return node_details()

        return run

    def test_are_told(self, use: Callable[..., NodeDetails]) -> None:
        found = use()
        assert [gpu.data for gpu in found.gpus or ()] == [
            {"name": "NVIDIA H100", "uuid": UUID, "driver": "550.54.15", "capability": "9.0",
             "memory_bytes": 85520809984},
            {"name": "NVIDIA GB10", "uuid": UUID, "driver": "550.54.15", "capability": "9.0"},
        ]  # fmt: skip
        assert (found.cuda, found.failed.get("nvidia-ml-py")) == ("12.4", None)
        assert summary("node_details", found.data).startswith("NVIDIA H100, NVIDIA GB10")

    def test_without_a_driver_there_are_none(self, use: Callable[..., NodeDetails]) -> None:
        def refuse() -> None:
            raise LibraryNotFoundError

        found = use(nvmlInit=refuse)
        assert (found.gpus, found.cuda, found.failed.get("nvidia-ml-py")) == ((), None, None)

    @pytest.mark.parametrize("function", ["nvmlInit", "nvmlDeviceGetCount", "nvmlDeviceGetUUID"])
    def test_any_other_error_is_not_taken_for_none(self, use: Callable[..., NodeDetails], function: str) -> None:
        def refuse(*_: object) -> None:
            raise NvmlError("Driver/library version mismatch")

        found = use(**{function: refuse})
        assert found.gpus is None
        assert found.failed["nvidia-ml-py"] == "NvmlError: Driver/library version mismatch"

    def test_the_real_library_has_all_that_is_asked(self) -> None:
        real = subprocess.run(
            [sys.executable, "-c", "import json, pynvml; print(json.dumps(dir(pynvml)))"],
            capture_output=True,
            text=True,
            check=True,
        )
        asked = {name for name in vars(nvml()) if name.startswith(("nvml", "NVML"))}
        assert asked <= set(json.loads(real.stdout))


class TestBeside:
    """When it is looked at, and how often."""

    @pytest.fixture
    def asked(self, monkeypatch: pytest.MonkeyPatch) -> list[int]:
        """Count how often the libraries are asked, and answer quickly."""
        times: list[int] = []

        def answer(over_within: Callable[[float], bool]) -> NodeDetails:
            times.append(1)
            return NodeDetails(swap_bytes=5, failed={})

        monkeypatch.setattr(node, "_asked", answer)
        return times

    def test_once_a_boot(self, store: LocalStore, asked: list[int]) -> None:
        environment = capture_environment(NONE, store, [HardwareCollector])
        first = look_at_node(environment, store, lambda seconds: False)
        assert first[1] == Outcome(status="captured")
        assert first[0] is not None
        assert NodeDetails.from_bytes(store.get(first[0].digest)).swap_bytes == 5
        assert look_at_node(environment, store, pytest.fail) == first  # nor is anything waited for
        assert len(asked) == 1

    def test_again_on_other_hardware(self, store: LocalStore, asked: list[int]) -> None:
        for collectors in ([HardwareCollector], []):
            look_at_node(capture_environment(NONE, store, collectors), store, lambda seconds: False)
        assert len(asked) == 2

    def test_again_after_a_failure(self, store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
        answers = [{"nvidia-ml-py": "NVMLError: Unknown Error"}, {"distro": NOT_INSTALLED}, {}]
        monkeypatch.setattr(node, "_asked", lambda over_within: NodeDetails(failed=answers.pop(0)))
        environment = capture_environment(NONE, store, [])
        for _ in range(3):
            look_at_node(environment, store, lambda seconds: False)
        assert answers == [{}]

    def test_a_short_job_does_without(self, store: LocalStore, asked: list[int]) -> None:
        environment = capture_environment(NONE, store, [])
        found, outcome = look_at_node(environment, store, lambda seconds: True)
        assert (found, outcome.status, asked) == (None, "absent", [])

    def test_a_job_that_ends_meanwhile_does_not_wait(
        self, store: LocalStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        self.hang(monkeypatch, tmp_path)
        began = time.monotonic()
        _, outcome = look_at_node(capture_environment(NONE, store, []), store, lambda seconds: seconds == 0)
        assert outcome.status == "absent"
        assert time.monotonic() - began < 20

    def test_one_that_hangs_fails(self, store: LocalStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        self.hang(monkeypatch, tmp_path)
        monkeypatch.setattr(node, "_STEPS", 3)
        _, outcome = look_at_node(capture_environment(NONE, store, []), store, lambda seconds: False)
        assert outcome.status == "failed"
        assert "were not told within" in str(outcome.reason)

    def test_one_that_dies_fails_with_its_last_words(self, store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(node, "_PROGRAM", "envcap.no_such_module")
        _, outcome = look_at_node(capture_environment(NONE, store, []), store, lambda seconds: False)
        assert outcome.status == "failed"
        assert "No module named envcap.no_such_module" in str(outcome.reason)

    def test_without_its_libraries_it_is_absent(self, store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(node, "_is_installed", lambda name: False)
        found, outcome = look_at_node(capture_environment(NONE, store, []), store, pytest.fail)
        assert (found, outcome.status) == (None, "absent")
        assert "pip install 'envcap[node]'" in str(outcome.reason)

    @staticmethod
    def hang(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        (folder / "hanging.py").write_text("import time\ntime.sleep(300)\n")
        monkeypatch.setenv("PYTHONPATH", str(folder))
        monkeypatch.setattr(node, "_PROGRAM", "hanging")


class TestJobs:
    """What a job's record says."""

    def test_a_long_job_has_them_and_then_each_on_this_node(
        self, envcap: Run, last: Callable[[], Attempt], store: LocalStore
    ) -> None:
        def outcome() -> tuple[str, str | None]:
            result = last().result
            assert result is not None
            found = (result.observed or {}).get("node_details")
            return (result.outcomes or {})["node_details"].status, found.digest if found else None

        assert envcap("run", "--", "true").returncode == 0
        assert outcome() == ("absent", None)
        assert envcap("run", "--", "sh", "-c", UNTIL_KNOWN).returncode == 0
        status, digest = outcome()
        assert status == "captured"
        assert digest is not None
        assert NodeDetails.from_bytes(store.get(digest)).failed == {}
        assert envcap("run", "--", "true").returncode == 0
        assert outcome() == ("captured", digest)
        assert "node_details" in envcap("show", "@last").stdout
