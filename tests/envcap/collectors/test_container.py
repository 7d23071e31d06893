# SPDX-License-Identifier: Apache-2.0
"""The container as it shows from inside: what runtimes show, and what a host shows."""

from __future__ import annotations

import errno
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from envcap.collectors.base import Absent, Keep, collect
from envcap.collectors.container import ContainerCollector
from envcap.describe import summary
from envcap.errors import CollectorError
from envcap.model.components import Container
from envcap.model.descriptor import describe_bytes
from envcap.target import Target
from tests.envcap.collectors.container_roots import (
    APPTAINER,
    BARE,
    CONTAINERD,
    CRIO,
    CVMFS,
    DISK,
    DOCKER_V1,
    DOCKER_V2,
    DOCKER_V2_HOST_GROUPS,
    GROUPS,
    ID,
    LXC,
    MOUNTS,
    NSPAWN,
    OTHER_ID,
    POD,
    PODMAN,
    PODMAN_PRIVILEGED,
    PODMAN_ROOTLESS,
    SANDBOX,
    SHIFTER,
    SINGULARITY,
    WSL,
    Files,
    component_of,
    look,
    own_files,
    told,
)

NEW_ID = "9" * 64


class TestRuntimes:
    """What each runtime shows."""

    @pytest.mark.parametrize(
        ("files", "runtime", "confidence", "instance"),
        [
            (DOCKER_V1, "docker", "high", {"id": ID}),
            (DOCKER_V2, "docker", "high", {"id": ID}),
            (DOCKER_V2_HOST_GROUPS, "docker", "high", {"id": ID}),
            (PODMAN, "podman", "high", {"id": ID}),
            (PODMAN_PRIVILEGED, "podman", "high", {"id": ID, "name": "confident_perlman"}),
            (PODMAN_ROOTLESS, "podman", "high", {"id": ID}),
            (CONTAINERD, "containerd", "high", {"id": ID, "sandbox": SANDBOX, "pod": POD, "name": "night-42-x7k2p"}),
            (CRIO, "cri-o", "high", {"id": ID, "sandbox": SANDBOX, "pod": POD, "name": "night-42-x7k2p"}),
            (APPTAINER, "apptainer", "high", {}),
            (SINGULARITY, "singularity", "high", {}),
            (SHIFTER, "shifter", "medium", {}),
            (NSPAWN, "systemd-nspawn", "medium", {}),
            (LXC, "lxc", "medium", {"name": "night"}),
            (WSL, "wsl", "high", {}),
        ],
        ids=["docker-v1", "docker-v2", "docker-v2-host-groups", "podman", "podman-privileged", "podman-rootless",
             "containerd", "cri-o", "apptainer", "singularity", "shifter", "nspawn", "lxc", "wsl"],
    )  # fmt: skip
    def test_is_recognised(
        self, tmp_path: Path, files: Files, runtime: str, confidence: str, instance: dict[str, str]
    ) -> None:
        collected = look(tmp_path, files)
        component = collected.component
        assert isinstance(component, Container)
        assert (component.runtime, component.conflict, component.failed) == (runtime, None, {})
        assert {value for value, _ in told(component, "runtime").values()} == {runtime}
        assert confidence in {c for _, c in told(component, "runtime").values()}
        assert collected.instance == instance
        assert collected.place == {}

    @pytest.mark.parametrize("files", [CONTAINERD, CRIO], ids=["containerd", "cri-o"])
    def test_kubernetes_is_an_orchestrator(self, tmp_path: Path, files: Files) -> None:
        hints = told(component_of(tmp_path, files, KUBERNETES_SERVICE_HOST="10.0.0.1"), "orchestrator")
        assert hints == {
            MOUNTS: ("kubernetes", "high"), GROUPS: ("kubernetes", "medium"),
            "KUBERNETES_SERVICE_HOST": ("kubernetes", "low"),
        }  # fmt: skip

    def test_a_pod_without_its_group_in_sight(self, tmp_path: Path) -> None:
        collected = look(tmp_path, {**CONTAINERD, GROUPS: "0::/\n"})
        assert collected.instance == {"sandbox": SANDBOX, "pod": POD, "name": "night-42-x7k2p"}

    def test_a_group_of_the_cgroupfs_driver(self, tmp_path: Path) -> None:
        collected = look(tmp_path, {**CONTAINERD, GROUPS: f"4:memory:/kubepods/besteffort/pod{POD}/{ID}\n"})
        assert collected.instance["id"] == ID

    def test_the_innermost_group_counts(self, tmp_path: Path) -> None:
        collected = look(tmp_path, {**DOCKER_V2, GROUPS: f"4:memory:/docker/{OTHER_ID}/docker/{ID}\n"})
        assert collected.instance == {"id": ID}

    def test_files_that_were_replaced_outside(self, tmp_path: Path) -> None:
        mounts = DOCKER_V2[MOUNTS].replace(" /etc/", "//deleted /etc/")
        assert mounts.count("//deleted") == 3
        assert look(tmp_path, {**DOCKER_V2, MOUNTS: mounts}).instance == {"id": ID}

    def test_what_podman_tells_a_privileged_container(self, tmp_path: Path) -> None:
        component = component_of(tmp_path, PODMAN_PRIVILEGED)
        assert told(component, "engine") == {"/run/.containerenv": ("podman-4.3.1", "medium")}
        assert told(component, "image") == {"/run/.containerenv": ("localhost/tiny:1", "medium")}
        assert told(component, "image_id") == {"/run/.containerenv": (OTHER_ID, "medium")}

    def test_a_container_that_joined_the_network_of_another_keeps_its_id(self, tmp_path: Path) -> None:
        joined = own_files(
            f"/containers/storage/overlay-containers/{OTHER_ID}/userdata", "hosts", "resolv.conf", on=DISK
        )
        collected = look(tmp_path, {**PODMAN, MOUNTS: PODMAN[MOUNTS] + joined})
        assert collected.instance == {"id": ID}

    def test_docker_under_wsl_is_docker(self, tmp_path: Path) -> None:
        component = component_of(tmp_path, {**WSL, **DOCKER_V2})
        assert (component.runtime, component.conflict) == ("docker", None)

    def test_the_image_of_apptainer_by_name_and_its_place_apart(self, tmp_path: Path) -> None:
        environ = {"APPTAINER_CONTAINER": "/scratch/me/rubin.sif", "SINGULARITY_CONTAINER": "/scratch/me/rubin.sif"}
        collected = look(tmp_path, APPTAINER, **environ)
        assert isinstance(collected.component, Container)
        assert told(collected.component, "image") == dict.fromkeys(environ, ("rubin.sif", "low"))
        assert collected.component.conflict is None
        assert collected.place == {"images": environ}
        assert b"/scratch" not in collected.component.to_bytes()

    def test_the_image_of_shifter(self, tmp_path: Path) -> None:
        component = component_of(tmp_path, SHIFTER, SHIFTER_IMAGEREQUEST="docker:lsst:w_47", SHIFTER_IMAGE=OTHER_ID)
        assert told(component, "image") == {"SHIFTER_IMAGEREQUEST": ("docker:lsst:w_47", "low")}
        assert told(component, "image_id") == {
            "/var/shifterConfig.json": (OTHER_ID, "medium"), "SHIFTER_IMAGE": (OTHER_ID, "low"),
        }  # fmt: skip
        assert b'"me"' not in component.to_bytes()


class TestCvmfs:
    """A repository of CVMFS is an image that its root hash names. No repository can be mounted here."""

    ROOT_HASH = "5b9c8f1a0d3e4c7b6a5f4e3d2c1b0a9f8e7d6c5b"

    def look(self, root: Path, **attributes: str) -> Container:
        """Return what is found if the client answers so."""
        for path, text in CVMFS.items():
            (root / path.lstrip("/")).parent.mkdir(parents=True, exist_ok=True)
            (root / path.lstrip("/")).write_text(text)

        def answer(path: str, name: str) -> bytes:
            assert path == f"{root}/cvmfs/sw.lsst.eu"
            if name.removeprefix("user.") not in attributes:
                raise OSError(errno.ENODATA, "No data available")
            return attributes[name.removeprefix("user.")].encode()

        component = ContainerCollector(str(root), answer).collect(Target.none({}), describe_bytes).component
        assert isinstance(component, Container)
        return component

    def test_the_root_hash_is_an_image(self, tmp_path: Path) -> None:
        component = self.look(tmp_path, root_hash=self.ROOT_HASH, revision="4711")
        assert told(component, "image") == {"/cvmfs/sw.lsst.eu": (self.ROOT_HASH, "high")}
        assert told(component, "revision") == {"/cvmfs/sw.lsst.eu": ("4711", "high")}
        assert (component.runtime, component.conflict, component.failed) == (None, None, {})
        assert summary("container", component.data) == "/cvmfs/sw.lsst.eu"

    def test_another_revision_is_another_component(self, tmp_path: Path) -> None:
        before = self.look(tmp_path, root_hash=self.ROOT_HASH, revision="4711")
        assert self.look(tmp_path, root_hash=self.ROOT_HASH[::-1], revision="4712") != before

    @pytest.mark.parametrize(
        ("attributes", "reason"),
        [
            ({"revision": "1"}, "user.root_hash: No data available"),
            ({"root_hash": "no hash\n", "revision": "1"}, "user.root_hash: 'no hash' is none"),
        ],
    )
    def test_a_client_that_does_not_tell_is_noted(
        self, tmp_path: Path, attributes: dict[str, str], reason: str
    ) -> None:
        component = self.look(tmp_path, **attributes)
        assert component.failed == {"/cvmfs/sw.lsst.eu": reason}
        assert told(component, "image") == {}


class TestNone:
    """A host."""

    def test_without_a_sign_is_absent(self, tmp_path: Path) -> None:
        with pytest.raises(Absent, match="no sign of a container"):
            look(tmp_path, BARE, HOSTNAME="0123456789ab", HOME="/home/me")

    def test_without_mountinfo_it_can_not_be_told(self, tmp_path: Path, keep: Keep) -> None:
        with pytest.raises(CollectorError, match="mountinfo: there is none"):
            ContainerCollector(str(tmp_path)).collect(Target.none({}), keep)

    def test_the_real_machine_is_looked_at(self, keep: Keep, clean_environ: dict[str, str]) -> None:
        collected, outcome = collect(ContainerCollector(), Target.none(clean_environ), keep)
        assert outcome.status == ("captured" if collected else "absent"), outcome.reason


class TestIdentity:
    """One image, two containers."""

    @pytest.mark.parametrize("files", [DOCKER_V1, PODMAN_PRIVILEGED, CONTAINERD, CRIO, LXC])
    def test_ids_and_names_are_not_in_the_component(self, tmp_path: Path, files: Files) -> None:
        first = look(tmp_path, files, HOSTNAME=ID[:12])
        swapped = {
            ID: NEW_ID, ID[:12]: NEW_ID[:12], SANDBOX: NEW_ID, POD: POD[::-1], POD.replace("-", "_"): POD[::-1],
            "night": "day", "confident_perlman": "merry_meitner",
        }  # fmt: skip
        others = dict(files)
        for old, new in swapped.items():
            others = {path: text.replace(old, new) for path, text in others.items()}
        second = look(tmp_path, others, HOSTNAME=NEW_ID[:12])
        assert first.component == second.component
        assert first.instance.keys() == second.instance.keys()
        assert all(first.instance[claim] != second.instance[claim] for claim in first.instance)
        assert not any(value.encode() in first.component.to_bytes() for value in first.instance.values())

    def test_is_a_fact_about_the_host(self) -> None:
        assert ContainerCollector.layer == "host"

    def test_hints_are_sorted(self, tmp_path: Path) -> None:
        hints = [
            (hint.claim, hint.source) for hint in component_of(tmp_path, CRIO, container="oci", HOSTNAME=ID[:12]).hints
        ]
        assert hints == sorted(hints)
        assert len(hints) > 8


def test_what_the_kernel_really_says(
    tmp_path: Path, cannot: Callable[[str, str], None], clean_environ: dict[str, str]
) -> None:
    """Mount files over a process's own as Docker does, in a mount namespace of its own."""
    code = (
        "import os, sys, json\nfrom envcap.target import Target\n"
        "from envcap.collectors.container import ContainerCollector\n"
        "found = ContainerCollector().collect(Target.none({}), None)\n"
        "print(json.dumps([found.component.data, dict(found.instance)]))"
    )
    place = tmp_path / "containers" / ID
    place.mkdir(parents=True)
    steps = []
    for name in ("hostname", "hosts", "resolv.conf"):
        (place / name).write_text("x\n")
        steps.append(f"mount --bind '{place / name}' /etc/{name}")
    script = " && ".join([*steps, f"'{sys.executable}' -c \"$CODE\""])
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script], env={**clean_environ, "CODE": code}, capture_output=True, text=True
    )
    if "Operation not permitted" in done.stderr:
        cannot("mount", done.stderr)
    assert done.returncode == 0, done.stderr
    data, instance = json.loads(done.stdout)
    component = Container.checked(data)
    assert component.runtime == "docker"
    assert told(component, "runtime")[MOUNTS] == ("docker", "high")
    assert instance["id"] == ID
