# SPDX-License-Identifier: Apache-2.0
"""Topology, NUMA, machine and GPUs: of this node against the system's own programs, and of nodes that aren't here."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from envcap.collectors.base import Keep, collect
from envcap.collectors.cpu_ranges import format_ranges, parse_ranges
from envcap.collectors.hardware import HardwareCollector
from envcap.describe import summary
from envcap.model.components import Hardware
from envcap.target import Target
from tests.envcap.collectors.node_trees import GPUS, TWO_SOCKETS, UUID, Files, write

NONE = Target.none({})
CPU = "sys/devices/system/cpu"
NVIDIA = "proc/driver/nvidia"


@pytest.fixture
def look(tmp_path: Path, keep: Keep) -> Callable[[Files], Hardware]:
    """Give a function that returns what is found where some files are."""

    def run(files: Files) -> Hardware:
        shutil.rmtree(tmp_path)
        component = HardwareCollector(write(tmp_path, files)).collect(NONE, keep).component
        assert isinstance(component, Hardware)
        return component

    return run


class TestThisNode:
    """Held against what others say of it."""

    @pytest.fixture
    def here(self, keep: Keep) -> Hardware:
        component = HardwareCollector().collect(NONE, keep).component
        assert isinstance(component, Hardware)
        return component

    def test_lscpu_says_the_same(self, here: Hardware) -> None:
        if shutil.which("lscpu") is None:
            pytest.skip("there is no lscpu")
        told = subprocess.run(["lscpu", "-J"], check=True, capture_output=True, text=True, env={"LC_ALL": "C"}).stdout
        lscpu = {one["field"].rstrip(":"): one["data"] for one in json.loads(told)["lscpu"]}
        assert here.logical_cpus == int(lscpu["CPU(s)"])
        if here.sockets is not None and lscpu.get("Socket(s)", "-") != "-":
            assert here.sockets == int(lscpu["Socket(s)"])
            assert here.cores == int(lscpu["Core(s) per socket"]) * here.sockets
        if here.numa is not None and "NUMA node(s)" in lscpu:
            assert len(here.numa) == int(lscpu["NUMA node(s)"])
            for node, cpus in here.numa.items():
                assert parse_ranges(lscpu[f"NUMA node{node} CPU(s)"] or "") == parse_ranges(cpus)
        if lscpu["Architecture"] == "x86_64":
            assert here.cpu_model == lscpu["Model name"]
            assert sorted(lscpu["Flags"].split()) == list(here.cpu_flags)
            assert here.virtual == ("Hypervisor vendor" in lscpu)

    def test_psutil_says_the_same(self, here: Hardware) -> None:
        psutil = pytest.importorskip("psutil")
        assert here.logical_cpus == psutil.cpu_count()
        if here.cores is not None:
            assert here.cores == psutil.cpu_count(logical=False)
        assert abs((here.memory_bytes or 0) - psutil.virtual_memory().total) < 0.01 * psutil.virtual_memory().total

    def test_a_variable_that_limits_pythons_count_changes_nothing(
        self, here: Hardware, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(os, "cpu_count", lambda: 7777)
        assert HardwareCollector().collect(NONE, pytest.fail).component == here


class TestTopology:
    """Two sockets of four cores with two threads each."""

    def test_is_counted(self, look: Callable[[Files], Hardware]) -> None:
        found = look(TWO_SOCKETS)
        assert (found.sockets, found.cores) == (2, 8)
        assert found.numa == {"0": "0-3,8-11", "1": "4-7,12-15", "2": ""}
        assert (found.cpu_model, found.microcode) == ("Xeon 6338", "0xd0003b9")
        assert (found.virtual, found.product) == (False, "Dell Inc. PowerEdge R750")

    def test_kernels_before_5_3_have_other_names(self, look: Callable[[Files], Hardware]) -> None:
        names = {"package_cpus_list": "core_siblings_list", "core_cpus_list": "thread_siblings_list"}
        files = {
            path if (name := path.rpartition("/")[2]) not in names else path.replace(name, names[name]): text
            for path, text in TWO_SOCKETS.items()
        }
        assert (look(files).sockets, look(files).cores) == (2, 8)

    def test_a_processor_that_is_switched_off_does_not_count(self, look: Callable[[Files], Hardware]) -> None:
        off = {7, 15}
        files = {
            path: text for path, text in TWO_SOCKETS.items() if not path.startswith((f"{CPU}/cpu7/", f"{CPU}/cpu15/"))
        }
        lists = {path: format_ranges(parse_ranges(text) - off) for path, text in files.items() if "cpus_list" in path}
        found = look({**files, **lists, f"{CPU}/online": "0-6,8-14\n"})
        assert (found.sockets, found.cores) == (2, 7)

    def test_without_second_threads_nothing_is_looked_up(self, look: Callable[[Files], Hardware]) -> None:
        files = {path: text for path, text in TWO_SOCKETS.items() if not path.endswith("core_cpus_list")}
        assert look({**files, f"{CPU}/online": "0-7", f"{CPU}/smt/active": "0\n"}).cores == 8
        assert look(files).cores is None

    @pytest.mark.parametrize("text", ["", "4-7\n", "nonsense\n", "-3\n", "0-99999999999\n", "3-0\n"])
    def test_one_group_that_tells_nonsense_leaves_the_count_out(
        self, look: Callable[[Files], Hardware], text: str
    ) -> None:
        found = look({**TWO_SOCKETS, f"{CPU}/cpu0/topology/package_cpus_list": text})
        assert (found.sockets, found.cores) == (None, 8)

    def test_one_node_more_or_less_is_another_component(self, look: Callable[[Files], Hardware]) -> None:
        before = look(TWO_SOCKETS)
        moved = {
            "sys/devices/system/node/node0/cpulist": "0-2,8-11\n",
            "sys/devices/system/node/node1/cpulist": "3-7,12-15\n",
        }
        assert look({**TWO_SOCKETS, **moved}) != before
        without = {path: text for path, text in TWO_SOCKETS.items() if "node1/cpulist" not in path}
        assert look(without).numa is None

    def test_what_does_not_show_is_left_out(self, look: Callable[[Files], Hardware]) -> None:
        found = look({"proc/cpuinfo": "processor\t: 0\nFeatures\t: fp asimd\n"})
        assert [found.sockets, found.cores, found.numa, found.product, found.virtual, found.microcode] == [None] * 6
        assert "sockets" not in found.data

    def test_a_hypervisor_says_that_it_is_one(self, look: Callable[[Files], Hardware]) -> None:
        cpuinfo = TWO_SOCKETS["proc/cpuinfo"].replace("avx2", "avx2 hypervisor")
        assert look({**TWO_SOCKETS, "proc/cpuinfo": cpuinfo}).virtual is True

    def test_without_cpuinfo_it_fails(self, tmp_path: Path, keep: Keep) -> None:
        found, outcome = collect(HardwareCollector(str(tmp_path)), NONE, keep)
        assert (found, outcome.status) == (None, "failed")
        assert "cpuinfo" in str(outcome.reason)


class TestGpus:
    """What NVIDIA's driver tells."""

    def test_are_named(self, look: Callable[[Files], Hardware]) -> None:
        found = look({**TWO_SOCKETS, **GPUS})
        assert found.gpus is not None
        assert [(gpu.name, gpu.uuid, gpu.driver) for gpu in found.gpus] == [
            ("NVIDIA H100 80GB HBM3", UUID, "550.54.15"),
            ("NVIDIA A100-SXM4-40GB", None, "550.54.15"),
        ]
        assert summary("hardware", found.data).endswith("NVIDIA H100 80GB HBM3, NVIDIA A100-SXM4-40GB")

    def test_without_a_driver_there_are_none(self, look: Callable[[Files], Hardware]) -> None:
        assert look(TWO_SOCKETS).gpus == ()

    def test_the_module_that_is_not_open(self, look: Callable[[Files], Hardware]) -> None:
        version = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat Aug 19 01:15:15 UTC 2023\n"
        gpus = look({**TWO_SOCKETS, **GPUS, f"{NVIDIA}/version": version}).gpus
        assert gpus is not None
        assert {gpu.driver for gpu in gpus} == {"535.104.05"}

    def test_another_driver_is_another_component(self, look: Callable[[Files], Hardware]) -> None:
        version = GPUS[f"{NVIDIA}/version"].replace("550.54.15", "550.54.16")
        assert look({**TWO_SOCKETS, **GPUS}) != look({**TWO_SOCKETS, **GPUS, f"{NVIDIA}/version": version})

    def test_one_that_does_not_tell_what_it_is_leaves_all_out(self, look: Callable[[Files], Hardware]) -> None:
        assert look({**TWO_SOCKETS, **GPUS, f"{NVIDIA}/gpus/0000:84:00.0/information": ""}).gpus is None


class TestRanges:
    """Lists of processors."""

    @pytest.mark.parametrize("text", ["", "0", "0-3", "0-3,8", "1,3,5-6"])
    def test_there_and_back(self, text: str) -> None:
        assert format_ranges(parse_ranges(text)) == text

    def test_the_shortest_form(self) -> None:
        assert format_ranges([8, 3, 2, 0, 1, 1]) == "0-3,8"

    @pytest.mark.parametrize("text", ["x", "3-1", "-1", "0-", "0-65536"])
    def test_nonsense(self, text: str) -> None:
        with pytest.raises(ValueError):
            parse_ranges(text)
