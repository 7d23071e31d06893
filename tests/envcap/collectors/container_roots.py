# SPDX-License-Identifier: Apache-2.0
"""What each runtime shows inside a container, as text by path, in the form in which it was really seen.

Docker and Podman were captured in containers of Docker 20.10 and Podman 4.3 on control groups v1; the others follow
what their projects and users publish. Lines without a sign were left out.
"""

from __future__ import annotations

from pathlib import Path

from envcap.collectors.base import Collected
from envcap.collectors.container import ContainerCollector
from envcap.model.components import Container
from envcap.model.descriptor import Descriptor
from envcap.target import Target

__all__ = (
    "APPTAINER", "BARE", "CONTAINERD", "CRIO", "CVMFS", "DISK", "DOCKER_V1", "DOCKER_V2", "DOCKER_V2_HOST_GROUPS",
    "GROUPS", "ID", "LXC", "MOUNTS", "NSPAWN", "OTHER_ID", "PODMAN", "PODMAN_PRIVILEGED", "PODMAN_ROOTLESS", "POD",
    "SANDBOX", "SHIFTER", "SINGULARITY", "WSL", "Files", "component_of", "look", "own_files", "told",
)  # fmt: skip

Files = dict[str, str]

ID = "617730c2d4f14097cc3a8cc42e78fbc0b51b85a9cf1944be594e552f116c44fa"
OTHER_ID = "434a4ccb8615f969c0608fcec393734f0bcb73153c85f00e245f30af7bca89a6"
SANDBOX = "c3bff63004020bec1fc8ca3e517cabf95535ef60c5a4a19b146753a714c92ce2"
POD = "be2cead1-f604-40bd-a52d-05f47d1ae7ef"

MOUNTS = "/proc/self/mountinfo"
GROUPS = "/proc/self/cgroup"
KERNEL = "/proc/sys/kernel/osrelease"


def look(root: Path, files: Files, **environ: str) -> Collected:
    """Write files below a root and return what the collector makes of it, given these variables."""
    for path, text in files.items():
        full = root / path.lstrip("/")
        full.parent.mkdir(parents=True, exist_ok=True)
        full.write_text(text)
    return ContainerCollector(str(root)).collect(Target.none(environ), _keep)


def component_of(root: Path, files: Files, **environ: str) -> Container:
    """Return the component alone."""
    component = look(root, files, **environ).component
    assert isinstance(component, Container)
    return component


def told(component: Container, claim: str) -> dict[str, tuple[str | None, str]]:
    """Return value and confidence of the hints of one claim, by source."""
    return {hint.source: (hint.value, hint.confidence) for hint in component.hints if hint.claim == claim}


def _keep(media_type: str, data: bytes) -> Descriptor:
    raise AssertionError("this collector has no blob to keep")


DISK = "ext4 /dev/vda rw,discard"
RUN = "tmpfs tmpfs rw,size=3262508k,mode=755,inode64"
USER_RUN = "tmpfs tmpfs rw,size=814036k,mode=700,uid=1000,gid=1000,inode64"
PROC = "73 72 0:42 / /proc rw,nosuid,nodev,noexec,relatime - proc proc rw\n"


def overlay(place: str) -> str:
    """Return the root's line and the next."""
    return (
        f"72 48 0:39 / / rw,relatime master:2 - overlay overlay rw,lowerdir={place}/l/F5PY:{place}/l/IVGN,"
        f"upperdir={place}/75a6/diff,workdir={place}/75a6/work\n{PROC}"
    )


def own_files(place: str, *names: str, on: str) -> str:
    """Return the lines of the files that a runtime mounts from a place over a container's own."""
    points = {name: f"/run/{name}" if name.startswith(".") else f"/etc/{name}" for name in names}
    return "".join(f"89 72 0:24 {place}/{name} {points[name]} rw,relatime - {on}\n" for name in names)


def _v1(path: str) -> str:
    controllers = ("name=systemd", "pids", "blkio", "freezer", "devices", "memory", "cpuset", "cpuacct", "cpu")
    return "".join(f"{9 - number}:{name}:{path}\n" for number, name in enumerate((*controllers, "")))


BARE: Files = {
    MOUNTS: "22 27 0:21 / /proc rw,relatime - proc proc rw\n27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\n"
    "90 27 0:57 / /var/lib/lxcfs rw,nosuid,nodev,relatime shared:127 - fuse.lxcfs lxcfs rw,user_id=0,group_id=0\n"
    f"500 27 0:70 / /var/lib/docker/containers/{ID}/mounts/shm rw - tmpfs shm rw\n",
    GROUPS: "0::/user.slice/user-1000.slice/session-3.scope\n",
    KERNEL: "6.1.0-28-amd64\n",
    "/etc/hostname": "node7\n",
}
WSL: Files = {**BARE, KERNEL: "5.15.167.4-microsoft-standard-WSL2\n"}

CVMFS: Files = {
    **BARE,
    MOUNTS: BARE[MOUNTS]
    + "600 27 0:71 / /cvmfs rw,relatime shared:300 - autofs /etc/auto.cvmfs rw,fd=7,pgrp=1,timeout=300\n"
    "601 600 0:72 / /cvmfs/sw.lsst.eu ro,nosuid,nodev,relatime shared:301 - fuse cvmfs2 ro,user_id=0,allow_other\n",
}

DOCKER_V1: Files = {
    MOUNTS: overlay("/var/lib/docker/overlay2")
    + own_files(f"/var/lib/docker/containers/{ID}", "resolv.conf", "hostname", "hosts", on=DISK),
    GROUPS: _v1(f"/docker/{ID}"),
    "/.dockerenv": "",
    "/etc/hostname": ID[:12] + "\n",
}
DOCKER_V2: Files = {**DOCKER_V1, GROUPS: "0::/\n"}
DOCKER_V2_HOST_GROUPS: Files = {**DOCKER_V1, GROUPS: f"0::/system.slice/docker-{ID}.scope\n"}

_PODMANS = ("hosts", ".containerenv", "resolv.conf", "hostname")
PODMAN: Files = {
    MOUNTS: overlay("/var/lib/containers/storage/overlay")
    + own_files(f"/containers/storage/overlay-containers/{ID}/userdata", *_PODMANS, on=RUN),
    GROUPS: _v1(f"/libpod_parent/libpod-{ID}"),
    "/run/.containerenv": "",
}
PODMAN_PRIVILEGED: Files = {
    **PODMAN,
    "/run/.containerenv": f'engine="podman-4.3.1"\nname="confident_perlman"\nid="{ID}"\nimage="localhost/tiny:1"\n'
    f'imageid="{OTHER_ID}"\nrootless=0\n',
}
PODMAN_ROOTLESS: Files = {
    MOUNTS: overlay("/home/me/.local/share/containers/storage/overlay")
    + own_files(f"/containers/overlay-containers/{ID}/userdata", *_PODMANS, on=USER_RUN),
    GROUPS: "0::/\n",
    "/run/.containerenv": "",
}

_KUBELET = (
    f"1301 72 254:0 /var/lib/kubelet/pods/{POD}/etc-hosts /etc/hosts rw,relatime - {DISK}\n"
    f"1302 72 254:0 /var/lib/kubelet/pods/{POD}/containers/job/0a1b2c3d /dev/termination-log rw,relatime - {DISK}\n"
    "1303 72 0:77 / /run/secrets/kubernetes.io/serviceaccount ro,relatime - tmpfs tmpfs rw,size=3145728k\n"
)
_POD_GROUP = f"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{POD.replace('-', '_')}.slice"
_CRI = "/var/lib/containerd/io.containerd.grpc.v1.cri/sandboxes"
CONTAINERD: Files = {
    MOUNTS: overlay("/var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots")
    + _KUBELET
    + own_files(f"{_CRI}/{SANDBOX}", "hostname", "resolv.conf", on=DISK),
    GROUPS: f"0::{_POD_GROUP}/cri-containerd-{ID}.scope\n",
    "/etc/hostname": "night-42-x7k2p\n",
}
CRIO: Files = {
    MOUNTS: overlay("/var/lib/containers/storage/overlay")
    + _KUBELET
    + own_files(
        f"/containers/storage/overlay-containers/{SANDBOX}/userdata", ".containerenv", "resolv.conf", "hostname", on=RUN
    ),
    GROUPS: f"0::{_POD_GROUP}/crio-{ID}.scope\n",
    "/run/.containerenv": "",
    "/etc/hostname": "night-42-x7k2p\n",
}

_SESSION = "/var/lib/apptainer/mnt/session"
_LAYERS = f"lowerdir={_SESSION}/overlay-lowerdir:{_SESSION}/rootfs"
_TASK = "0::/system.slice/slurmstepd.scope/job_42/step_0/user/task_0\n"
APPTAINER: Files = {
    MOUNTS: f"72 48 0:39 / / ro,nodev,relatime - overlay overlay ro,{_LAYERS}\n{PROC}"
    f"1202 72 254:0 /etc/hosts /etc/hosts rw,nosuid,nodev,relatime master:1 - {DISK}\n",
    GROUPS: _TASK,
    "/.singularity.d/runscript": "#!/bin/sh\n",
}
SINGULARITY: Files = {**APPTAINER, MOUNTS: APPTAINER[MOUNTS].replace("/apptainer/", "/singularity/")}
SHIFTER: Files = {
    MOUNTS: f"72 48 0:39 / / rw,relatime - tmpfs tmpfs rw,size=64k\n{PROC}",
    GROUPS: _TASK,
    "/var/shifterConfig.json": f'{{"identifier":"{OTHER_ID}","user":"me","volMap":""}}\n',
}
NSPAWN: Files = {
    MOUNTS: f"72 48 254:0 /var/lib/machines/night / rw,relatime - {DISK}\n{PROC}",
    GROUPS: "0::/\n",
    "/run/host/container-manager": "systemd-nspawn\n",
    "/run/systemd/container": "systemd-nspawn\n",
}
LXC: Files = {
    MOUNTS: f"72 48 0:38 /containers/night/rootfs / rw,relatime,idmapped - btrfs /dev/vdb1 rw\n{PROC}"
    "8668 73 0:319 /proc/cpuinfo /proc/cpuinfo rw,relatime - fuse.lxcfs lxcfs rw,user_id=0,group_id=0,allow_other\n",
    GROUPS: "0::/lxc.payload.night/init.scope\n",
    "/run/systemd/container": "lxc\n",
}
