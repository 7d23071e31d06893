# SPDX-License-Identifier: Apache-2.0
"""A container that something pretends: signs that somebody set, and files that nobody vouches for."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from envcap.collectors.base import Absent
from envcap.collectors.container_signs import BAKED
from envcap.model.components import Container
from tests.envcap.collectors.container_roots import (
    APPTAINER,
    BARE,
    DISK,
    DOCKER_V1,
    DOCKER_V2,
    GROUPS,
    ID,
    MOUNTS,
    OTHER_ID,
    POD,
    PODMAN_ROOTLESS,
    component_of,
    look,
    own_files,
    told,
)

FORGED = "f" * 64


class TestForged:
    """Signs that somebody set."""

    def test_a_host_name_is_worth_little(self, tmp_path: Path) -> None:
        collected = look(tmp_path, DOCKER_V2, HOSTNAME=FORGED)
        component = collected.component
        assert isinstance(component, Container)
        assert told(component, "id") == {MOUNTS: (None, "high"), "HOSTNAME": (None, "low")}
        assert collected.instance == {"id": ID, "id by HOSTNAME": FORGED}
        assert component.conflict == "id: one by /proc/self/mountinfo (high), but one by HOSTNAME (low)"

    def test_variables_alone_name_no_runtime(self, tmp_path: Path) -> None:
        component = component_of(tmp_path,
            BARE, APPTAINER_CONTAINER="/x/a.sif", SHIFTER_IMAGE=OTHER_ID, KUBERNETES_SERVICE_HOST="1",
            container="podman", WSL_DISTRO_NAME="Debian",
        )  # fmt: skip
        assert component.runtime is None
        assert {hint.confidence for hint in component.hints} == {"low"}
        assert component.conflict is not None

    def test_variables_of_the_submitting_shell_lose_against_the_kernel(self, tmp_path: Path) -> None:
        component = component_of(tmp_path, DOCKER_V2, APPTAINER_CONTAINER="/x/a.sif")
        assert component.runtime == "docker"
        assert component.conflict == (
            "runtime: docker by /proc/self/mountinfo (high), but apptainer by APPTAINER_CONTAINER (low)"
        )

    @pytest.mark.parametrize(
        "line",
        [
            f"99 72 0:24 /srv/containers/{FORGED}/hostname /data rw - {DISK}\n",
            f"99 72 0:24 /srv/containers/{FORGED}/hostname /srv/etc/hostname rw - {DISK}\n",
            f"99 72 0:24 /srv/containers/{FORGED}/data /etc/hostname rw - {DISK}\n",
            f"99 72 0:24 /srv/containers/{FORGED}/hosts /etc/hostname rw - {DISK}\n",
            f"99 72 0:24 /srv/my-containers/{FORGED}/hostname /etc/hostname rw - {DISK}\n",
            f"99 72 0:24 /srv/containers/{FORGED}/x/hostname /etc/hostname rw - {DISK}\n",
            f"99 72 0:24 /srv/containers/{FORGED[:-1]}/hostname /etc/hostname rw - {DISK}\n",
            f"99 72 0:24 /srv/containers/{FORGED}/hostname\\040/etc/hostname /x rw - {DISK}\n",
            f"99 72 0:24 /srv/overlay-containers/{FORGED}/hostname /etc/hostname rw - {DISK}\n",
            "99 72 0:24 / /srv rw - overlay overlay rw,lowerdir=/var/apptainer/mnt/session/rootfs\n",
            f"99 72 0:24 /srv/pods/{POD}/etc-hosts /data rw - {DISK}\n",
        ],
    )
    def test_other_mounts_are_no_sign(self, tmp_path: Path, line: str) -> None:
        with pytest.raises(Absent):
            look(tmp_path, {**BARE, MOUNTS: BARE[MOUNTS] + line})

    def test_a_mount_over_one_of_the_files_is_outvoted(self, tmp_path: Path) -> None:
        forged = own_files(f"/srv/containers/{FORGED}", "hostname", on=DISK)
        collected = look(tmp_path, {**DOCKER_V2, MOUNTS: DOCKER_V2[MOUNTS] + forged})
        assert collected.instance == {"id": ID, f"id by {MOUNTS}": FORGED}
        assert "but one by /proc/self/mountinfo (high)" in str(collected.component.data["conflict"])

    @pytest.mark.parametrize(
        "path",
        [f"/my-docker-{FORGED}.scope", f"/docker-{FORGED}0.scope", "/docker/short", f"/{FORGED}",
         f"/system.slice/libpod-conmon-{FORGED}.scope", f"/crio-conmon-{FORGED}.scope", "/lxc.monitor.night",
         "/lxcfs/x"],
    )  # fmt: skip
    def test_other_groups_are_no_sign(self, tmp_path: Path, path: str) -> None:
        with pytest.raises(Absent):
            look(tmp_path, {**BARE, GROUPS: f"0::{path}\n"})

    def test_a_group_that_a_user_named_loses_against_the_mounts(self, tmp_path: Path) -> None:
        group = f"0::/user.slice/user-1000.slice/user@1000.service/app.slice/docker-{FORGED}.scope\n"
        collected = look(tmp_path, {**PODMAN_ROOTLESS, GROUPS: group})
        component = collected.component
        assert isinstance(component, Container)
        assert component.runtime == "podman"
        assert collected.instance == {"id": ID, f"id by {GROUPS}": FORGED}
        assert "runtime: podman" in str(component.conflict)
        assert "docker by /proc/self/cgroup (medium)" in str(component.conflict)

    @pytest.mark.parametrize(
        ("mark", "runtime"), [("/.dockerenv", "docker"), ("/run/.containerenv", "podman")], ids=["docker", "podman"]
    )
    def test_a_mark_left_over_in_an_image_is_worth_little(self, tmp_path: Path, mark: str, runtime: str) -> None:
        component = component_of(tmp_path, {**BARE, mark: 'engine="podman-4.3.1"\n'})
        assert component.runtime is None
        assert told(component, "runtime") == {mark: (runtime, "low")}
        assert {hint.confidence for hint in component.hints} == {"low"}

    def test_both_runtimes_are_told_where_one_runs_in_the_other(self, tmp_path: Path) -> None:
        files = {
            **APPTAINER,
            MOUNTS: APPTAINER[MOUNTS] + own_files(f"/var/lib/docker/containers/{ID}", "hosts", on=DISK),
        }
        component = component_of(tmp_path, files)
        assert component.runtime == "apptainer"
        assert "but docker by /proc/self/mountinfo (high)" in str(component.conflict)


class TestBaked:
    """The file that images say something of themselves with."""

    def test_its_members_are_hints(self, tmp_path: Path) -> None:
        baked = {"dockerfile_commit": "b0e18089fb", "base": f"sha256:{OTHER_ID}", "runtime": "mine"}
        component = component_of(tmp_path, {**BARE, BAKED: json.dumps(baked)})
        assert component.runtime is None
        for name, value in baked.items():
            assert told(component, f"image.{name}") == {BAKED: (value, "medium")}
        assert told(component, "runtime") == {}

    def test_a_secret_in_it_is_taken_out(self, tmp_path: Path) -> None:
        component = component_of(tmp_path, {**BARE, BAKED: '{"source": "https://me:hunter2hunter2@host/x"}'})
        assert b"hunter2" not in component.to_bytes()
        assert b"host/x" in component.to_bytes()

    @pytest.mark.parametrize(
        "text",
        ["", "{", "[]", '"x"', '{"a": 1}', '{"a": {"b": "c"}}', '{"a": null}', '{"a": "b", "a": "c"}',
         '{"a": "\\ud800"}', "[" * 30_000 + "]" * 30_000, '{"a": "' + "x" * 70_000 + '"}'],
        ids=["empty", "torn", "list", "text", "number", "object", "null", "twice", "surrogate", "deep", "long"],
    )  # fmt: skip
    def test_that_is_nonsense_is_noted(self, tmp_path: Path, text: str) -> None:
        component = component_of(tmp_path, {**DOCKER_V2, BAKED: text})
        assert (component.runtime, list(component.failed)) == ("docker", [BAKED])
        assert component.failed[BAKED]
        assert not any(hint.source == BAKED for hint in component.hints)

    @pytest.mark.parametrize("kind", ["pipe", "folder", "zero", "loop", "bytes", "hole"])
    def test_that_is_no_plain_text_is_noted(self, tmp_path: Path, kind: str) -> None:
        path = tmp_path / BAKED.lstrip("/")
        path.parent.mkdir(parents=True)
        if kind == "pipe":
            os.mkfifo(path)
        elif kind == "folder":
            path.mkdir()
        elif kind == "bytes":
            path.write_bytes(b'{"a": "\xff"}')
        elif kind == "hole":
            path.touch()
            os.truncate(path, 1 << 40)
        else:
            path.symlink_to("/dev/zero" if kind == "zero" else path)
        component = component_of(tmp_path, DOCKER_V2)
        assert (component.runtime, list(component.failed)) == ("docker", [BAKED])

    def test_alone_it_is_captured_with_the_reason(self, tmp_path: Path) -> None:
        assert component_of(tmp_path, {**BARE, BAKED: "{"}).failed.keys() == {BAKED}


@pytest.mark.parametrize("path", ["/run/systemd/container", "/run/host/container-manager", "/var/shifterConfig.json"])
def test_nonsense_in_a_runtimes_file_is_noted(tmp_path: Path, path: str) -> None:
    component = component_of(tmp_path, {**DOCKER_V2, path: "rm -rf / {"})
    assert (component.runtime, list(component.failed)) == ("docker", [path])


def test_mounts_that_can_not_be_read_leave_the_other_signs(tmp_path: Path) -> None:
    (tmp_path / "proc" / "self" / "mountinfo").mkdir(parents=True)
    component = component_of(tmp_path, {path: text for path, text in DOCKER_V1.items() if path != MOUNTS})
    assert (component.runtime, component.failed) == ("docker", {MOUNTS: "no regular file"})
