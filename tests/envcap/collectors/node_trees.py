# SPDX-License-Identifier: Apache-2.0
"""What ``/proc`` and ``/sys`` show of nodes and control groups that the tests can't have, as text by path."""

from __future__ import annotations

from pathlib import Path

__all__ = ("GPUS", "GROUPS_V1", "GROUPS_V2", "TWO_SOCKETS", "UUID", "Files", "write")

Files = dict[str, str]

UUID = "GPU-2f8a1c3e-5b7d-4e9f-8a1b-3c5d7e9f0a2b"
_CPU = "sys/devices/system/cpu"
_NODE = "sys/devices/system/node"
_NVIDIA = "proc/driver/nvidia"


def write(root: Path, files: Files) -> str:
    """Write files below a root, and return it as a text."""
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return str(root)


def _processor(number: int) -> Files:
    """Return one of 2 x 4 x 2 processors, numbered as on Intel's: the second threads come after all first ones."""
    socket, core = number % 8 // 4, number % 8
    return {
        f"{_CPU}/cpu{number}/topology/package_cpus_list": f"{4 * socket}-{4 * socket + 3},{4 * socket + 8}-"
        f"{4 * socket + 11}\n",
        f"{_CPU}/cpu{number}/topology/core_cpus_list": f"{core},{core + 8}\n",
    }


TWO_SOCKETS: Files = {
    "proc/cpuinfo": "processor\t: 0\nmodel name\t: Xeon 6338\nmicrocode\t: 0xd0003b9\nflags\t\t: sse avx2\n\n",
    f"{_CPU}/online": "0-15\n",
    f"{_CPU}/smt/active": "1\n",
    **{path: text for number in range(16) for path, text in _processor(number).items()},
    f"{_NODE}/online": "0-2\n",
    f"{_NODE}/node0/cpulist": "0-3,8-11\n",
    f"{_NODE}/node1/cpulist": "4-7,12-15\n",
    f"{_NODE}/node2/cpulist": "\n",
    "sys/class/dmi/id/sys_vendor": "Dell Inc.\n",
    "sys/class/dmi/id/product_name": "PowerEdge R750\n",
}
"""Its third NUMA node is memory alone."""

GPUS: Files = {
    f"{_NVIDIA}/version": "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  550.54.15  Release Build  "
    "(dvs-builder@U16-A24-23-2)  Tue Mar  5 22:15:33 UTC 2024\nGCC version:  gcc version 12.2.0 (Debian 12.2.0-14)\n",
    f"{_NVIDIA}/gpus/0000:04:00.0/information": f"Model: \t\t NVIDIA H100 80GB HBM3\nIRQ:   \t\t 45\n"
    f"GPU UUID: \t {UUID}\nVideo BIOS: \t 96.00.5e.00.01\nBus Type: \t PCIe\nDevice Minor: \t 0\n",
    f"{_NVIDIA}/gpus/0000:84:00.0/information": "Model: \t\t NVIDIA A100-SXM4-40GB\nIRQ:   \t\t 46\n"
    "GPU UUID: \t GPU-????????-????-????-????-????????????\nBus Type: \t PCIe\nDevice Minor: \t 1\n",
}
"""The second has not been used since the boot."""

_JOB = "slurm/uid_1000/job_42"
GROUPS_V1: Files = {
    "proc/self/cgroup": f"5:pids:/user.slice\n4:cpuset:/{_JOB}\n3:memory:/{_JOB}\n2:cpu,cpuacct:/\n1:name=systemd:/\n",
    "proc/self/mountinfo": "30 25 0:26 / /sys/fs/cgroup ro - tmpfs tmpfs ro,mode=755\n"
    "31 30 0:27 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd\n"
    "34 30 0:30 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
    "35 30 0:31 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
    "36 30 0:32 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"
    "37 30 0:33 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n",
    "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "-1\n",
    "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
    "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
    "sys/fs/cgroup/memory/slurm/memory.limit_in_bytes": "9223372036854771712\n",
    "sys/fs/cgroup/memory/slurm/uid_1000/memory.limit_in_bytes": "4294967296\n",
    f"sys/fs/cgroup/memory/{_JOB}/memory.limit_in_bytes": "8589934592\n",
    f"sys/fs/cgroup/cpuset/{_JOB}/cpuset.cpus": "8,0-3\n",
    f"sys/fs/cgroup/cpuset/{_JOB}/cpuset.effective_cpus": "8,1-3\n",
    "sys/fs/cgroup/pids/user.slice/pids.max": "max\n",
}
"""What the job may have is less than what its own group says: a group around it is tighter."""

GROUPS_V2: Files = {
    "proc/self/cgroup": f"0::/system.slice/{_JOB}/step_0\n",
    "proc/self/mountinfo": "30 25 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n",
    "sys/fs/cgroup/cpuset.cpus.effective": "0-63\n",
    "sys/fs/cgroup/system.slice/memory.max": "max\n",
    f"sys/fs/cgroup/system.slice/{_JOB}/memory.max": "6442450944\n",
    f"sys/fs/cgroup/system.slice/{_JOB}/cpu.max": "150000 100000\n",
    f"sys/fs/cgroup/system.slice/{_JOB}/cpuset.cpus.effective": "4-7,12\n",
    f"sys/fs/cgroup/system.slice/{_JOB}/step_0/memory.max": "max\n",
    f"sys/fs/cgroup/system.slice/{_JOB}/step_0/cpu.max": "40000 20000\n",
    f"sys/fs/cgroup/system.slice/{_JOB}/step_0/pids.max": "512\n",
}
