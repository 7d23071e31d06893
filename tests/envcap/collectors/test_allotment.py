# SPDX-License-Identifier: Apache-2.0
"""What a job is granted: held against the system's own programs, and in control groups of all kinds."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from envcap.collectors.allotment import AllotmentCollector
from envcap.collectors.base import Keep, collect
from envcap.collectors.control_groups import ControlGroups
from envcap.collectors.cpu_ranges import format_ranges, parse_ranges
from envcap.describe import summary
from envcap.model.components import Allotment
from envcap.target import Target
from tests.envcap.collectors.node_trees import GROUPS_V1, GROUPS_V2, Files, write

NONE = Target.none({})
JOB = "sys/fs/cgroup/system.slice/slurm/uid_1000/job_42"
ASK = """
import sys
from envcap.collectors.allotment import AllotmentCollector
sys.stdout.buffer.write(AllotmentCollector().collect(None, None).component.to_bytes())
"""


def asked(*prefix: str) -> Allotment:
    """Return what a process finds that some words start."""
    done = subprocess.run([*prefix, sys.executable, "-c", ASK], check=True, capture_output=True)
    return Allotment.from_bytes(done.stdout)


class TestThisProcess:
    """What it really has."""

    def test_nproc_says_the_same(self) -> None:
        environ = {name: value for name, value in os.environ.items() if not name.startswith("OMP_")}
        assert asked().cpus == int(subprocess.check_output(["nproc"], env=environ))

    def test_psutil_says_the_same(self, keep: Keep) -> None:
        psutil = pytest.importorskip("psutil")
        component = AllotmentCollector().collect(NONE, keep).component
        assert isinstance(component, Allotment)
        process = psutil.Process()
        assert parse_ranges(component.affinity) == set(process.cpu_affinity())
        assert component.nice == process.nice()
        for name in ("nofile", "stack", "core", "as"):
            soft, hard = process.rlimit(getattr(psutil, f"RLIMIT_{name.upper()}"))
            told = [component.ulimits[name].soft, component.ulimits[name].hard]
            assert told == ["unlimited" if value == -1 else str(value) for value in (soft, hard)]

    def test_every_limit_is_there_once(self) -> None:
        numbers = {getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_")}
        assert len(asked().ulimits) == len(numbers)

    def test_a_tighter_start_shows(self) -> None:
        cpu = min(os.sched_getaffinity(0))
        if shutil.which("taskset") is None or shutil.which("nice") is None:
            pytest.skip("there is no taskset or nice")
        command = 'ulimit -S -n 77; ulimit -c 0; exec "$@"'
        found = asked("taskset", "-c", str(cpu), "nice", "-n", "3", "sh", "-c", command, "sh")
        assert (found.cpus, found.affinity) == (1, format_ranges([cpu]))
        assert found.nice == os.getpriority(os.PRIO_PROCESS, 0) + 3
        assert (found.ulimits["nofile"].soft, found.ulimits["core"].soft) == ("77", "0")
        assert found != asked()

    def test_is_a_fact_about_the_host(self) -> None:
        assert AllotmentCollector.layer == "host"

    def test_fails_where_the_kernel_does_not_tell(self, keep: Keep, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(pid: int) -> set[int]:
            raise PermissionError(1, "Operation not permitted")

        monkeypatch.setattr(os, "sched_getaffinity", refuse)
        found, outcome = collect(AllotmentCollector(), NONE, keep)
        assert (found, outcome.status) == (None, "failed")


class TestGroups:
    """Limits of control groups."""

    @pytest.fixture
    def look(self, tmp_path: Path) -> Callable[[Files], ControlGroups]:
        """Give a function that returns the limits that some files show."""

        def run(files: Files) -> ControlGroups:
            shutil.rmtree(tmp_path)
            return ControlGroups(write(tmp_path, files))

        return run

    def test_of_version_1_the_tightest_around_counts(self, look: Callable[[Files], ControlGroups]) -> None:
        found = look(GROUPS_V1)
        assert found.limits == {"memory": "4294967296", "cpu": "unlimited", "pids": "unlimited", "cpuset": "1-3,8"}
        assert found.failed == {}

    def test_of_version_2_the_tightest_around_counts(self, look: Callable[[Files], ControlGroups]) -> None:
        found = look(GROUPS_V2)
        assert found.limits == {"memory": "6442450944", "cpu": "150000/100000", "pids": "512", "cpuset": "4-7,12"}
        assert found.failed == {}

    def test_a_change_of_a_group_far_up_shows(self, look: Callable[[Files], ControlGroups]) -> None:
        tighter = {"sys/fs/cgroup/system.slice/memory.max": "1073741824\n"}
        assert look({**GROUPS_V2, **tighter}).limits["memory"] == "1073741824"

    def test_a_quota_of_version_1(self, look: Callable[[Files], ControlGroups]) -> None:
        quota = {"sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "250000\n"}
        assert look({**GROUPS_V1, **quota}).limits["cpu"] == "250000/100000"

    def test_both_versions_at_once(self, look: Callable[[Files], ControlGroups]) -> None:
        files = {
            **GROUPS_V1,
            "proc/self/cgroup": GROUPS_V1["proc/self/cgroup"].replace("5:pids:/user.slice", "0::/user.slice"),
            "proc/self/mountinfo": GROUPS_V1["proc/self/mountinfo"].replace("cgroup/pids rw - cgroup cgroup rw,pids",
                                                                           "cgroup/unified rw - cgroup2 cgroup2 rw"),
            "sys/fs/cgroup/unified/user.slice/pids.max": "99\n",
        }  # fmt: skip
        assert look(files).limits == {"memory": "4294967296", "cpu": "unlimited", "pids": "99", "cpuset": "1-3,8"}

    def test_in_a_container_that_sees_its_own_group_alone(self, look: Callable[[Files], ControlGroups]) -> None:
        own = {"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "1000\n"}
        assert look({**GROUPS_V2, **own}).limits["memory"] == "1000"
        mounts = GROUPS_V2["proc/self/mountinfo"].replace(" / ", " /docker/0a1b ")
        host = {"proc/self/cgroup": "0::/docker/0a1b\n", "proc/self/mountinfo": mounts}
        assert look({**GROUPS_V2, **own, **host}).limits["memory"] == "1000"

    @pytest.mark.parametrize(
        "change",
        [
            {"proc/self/mountinfo": "25 1 8:1 / / rw - ext4 /dev/sda1 rw\n"},
            {"proc/self/mountinfo": GROUPS_V2["proc/self/mountinfo"].replace(" / ", " /other ")},
            {"proc/self/cgroup": "0::/gone (deleted)\n"},
            {"proc/self/cgroup": "0::/../outside\n"},
        ],
        ids=["not-mounted", "of-another-group", "deleted", "outside"],
    )
    def test_a_group_that_does_not_show_has_no_known_limits(
        self, look: Callable[[Files], ControlGroups], change: Files
    ) -> None:
        found = look({**GROUPS_V2, "sys/fs/outside/memory.max": "5\n", **change})
        assert found.limits == {}
        assert found.failed == dict.fromkeys(
            ("memory", "cpu", "pids", "cpuset"), "the process's group does not show here"
        )

    @pytest.mark.parametrize(
        ("path", "text", "failed"),
        [
            (f"{JOB}/memory.max", "much\n", {"memory": "memory.max: no number"}),
            (f"{JOB}/cpu.max", "150000\n", {"cpu": "cpu: no number"}),
            (f"{JOB}/cpu.max", "150000 0\n", {"cpu": "cpu: a quota without a period"}),
            (f"{JOB}/cpuset.cpus.effective", "all\n", {"cpuset": "cpuset.cpus.effective: invalid literal for int() "
                                                                 "with base 10: 'all'"}),
        ],
    )  # fmt: skip
    def test_nonsense_is_no_limit_and_no_lack_of_one(
        self, look: Callable[[Files], ControlGroups], path: str, text: str, failed: dict[str, str]
    ) -> None:
        found = look({**GROUPS_V2, path: text})
        assert found.failed == failed
        assert found.limits.keys() == {"memory", "cpu", "pids", "cpuset"} - failed.keys()

    def test_a_limit_that_can_not_be_read_is_not_passed_over(
        self, look: Callable[[Files], ControlGroups], tmp_path: Path
    ) -> None:
        look(GROUPS_V2)
        (tmp_path / JOB / "memory.max").unlink()
        (tmp_path / JOB / "memory.max").mkdir()
        found = ControlGroups(str(tmp_path))
        assert found.failed == {"memory": "memory.max: Is a directory"}
        assert "job_42" not in json.dumps(found.failed)

    def test_without_groups(self, tmp_path: Path, keep: Keep) -> None:
        component = AllotmentCollector(str(tmp_path)).collect(NONE, keep).component
        assert isinstance(component, Allotment)
        assert (component.groups, component.failed) == ({}, {"/proc/self/cgroup": "there is none"})
        assert component.cpus > 0

    def test_two_jobs_in_groups_of_their_own_share_the_component(self, tmp_path: Path, keep: Keep) -> None:
        first = AllotmentCollector(write(tmp_path / "a", GROUPS_V2)).collect(NONE, keep).component
        others = {
            path.replace("job_42", "job_43"): text.replace("job_42", "job_43") for path, text in GROUPS_V2.items()
        }
        assert AllotmentCollector(write(tmp_path / "b", others)).collect(NONE, keep).component == first
        assert summary("allotment", first.data).endswith(
            "cpu 150000/100000, cpuset 4-7,12, memory 6442450944, pids 512"
        )
