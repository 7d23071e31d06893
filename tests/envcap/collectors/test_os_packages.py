# SPDX-License-Identifier: Apache-2.0
"""The operating system's packages, held against dpkg's and rpm's own words; and whose a file is."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from envcap.collectors.base import Absent, Keep, collect
from envcap.collectors.os_packages import OsPackagesCollector
from envcap.collectors.owners import owners_of
from envcap.environment import capture_environment
from envcap.errors import CollectorError
from envcap.model.components import OsPackages
from envcap.store.local import LocalStore
from envcap.target import Target
from tests.services.packages import need

NONE = Target.none({})
SPEC = """
Name: {name}
Version: {version}
Release: 3
Epoch: {epoch}
Summary: A test
License: MIT
BuildArch: noarch
%description
Nothing.
%install
mkdir -p %{{buildroot}}/opt/{name}
echo {name} > %{{buildroot}}/opt/{name}/file
%files
/opt/{name}/file
"""
APK = """C:Q1abc=
P:musl
V:1.2.4-r2
A:x86_64
F:lib
R:ld-musl-x86_64.so.1
F:usr/lib
R:other.so

C:Q1def=
P:zlib
V:1.2.13-r1
A:x86_64
F:lib
R:libz.so.1
"""


def found_in(root: Path | str, keep: Keep) -> OsPackages:
    """Return what the collector finds below a directory."""
    component = OsPackagesCollector(str(root)).collect(NONE, keep).component
    assert isinstance(component, OsPackages)
    return component


@pytest.fixture
def debian() -> None:
    """End the test where dpkg keeps no books."""
    need("dpkg")


@pytest.fixture(scope="session")
def rpm_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a directory into which rpm has installed two packages that rpmbuild built. Not to be changed."""
    need("rpm")
    top = tmp_path_factory.mktemp("rpm")
    root = top / "root"
    for name, version, epoch in (("alpha", "1.0", "0"), ("beta", "2.5", "1")):
        spec = top / f"{name}.spec"
        spec.write_text(SPEC.format(name=name, version=version, epoch=epoch))
        subprocess.run(["rpmbuild", "-bb", "--define", f"_topdir {top}", spec], check=True, capture_output=True)
    made = [str(path) for path in top.rglob("*.rpm")]
    command = ["rpm", "--root", root, "--dbpath", "/var/lib/rpm", "--force-debian", "--nodeps", "--install", *made]
    subprocess.run(command, check=True, capture_output=True)
    return root


@pytest.mark.usefixtures("debian")
def test_dpkg_says_the_same_of_this_machine(keep: Keep) -> None:
    form = "${db:Status-Status}\t${Package}\t${Version}\t${Architecture}\n"
    lines = subprocess.run(["dpkg-query", "-W", "-f", form], check=True, capture_output=True, text=True).stdout
    told = sorted(tuple(line.split("\t")[1:]) for line in lines.splitlines() if line.startswith("installed\t"))
    found = found_in("/", keep)
    assert found.manager == "dpkg"
    assert len(told) > 50
    assert sorted((one.name, one.version, one.architecture) for one in found.packages) == told


@pytest.mark.usefixtures("debian")
def test_one_package_of_another_version_is_another_component(keep: Keep, tmp_path: Path) -> None:
    status = tmp_path / "var/lib/dpkg/status"
    status.parent.mkdir(parents=True)
    shutil.copy("/var/lib/dpkg/status", status)
    before = found_in(tmp_path, keep)
    text = status.read_text()
    start = text.index("Package: bash\n")
    line = text[text.index("\nVersion: ", start) :].split("\n")[1]
    status.write_text(text[:start] + text[start:].replace(line, "Version: 99", 1))
    changed = {one.name for one in found_in(tmp_path, keep).packages if one not in before.packages}
    assert changed == {"bash"}


def test_what_is_not_wholly_installed_does_not_count(keep: Keep, tmp_path: Path) -> None:
    status = tmp_path / "var/lib/dpkg/status"
    status.parent.mkdir(parents=True)
    paragraphs = [
        f"Package: p{number}\nStatus: {state}\nVersion: 1\nDescription: x\n Version: 2\n"
        for number, state in enumerate(
            ("install ok installed", "deinstall ok config-files", "install ok half-installed", "hold ok installed")
        )
    ]
    status.write_text("\n".join(paragraphs))
    assert [(one.name, one.version) for one in found_in(tmp_path, keep).packages] == [("p0", "1"), ("p3", "1")]


def test_an_image_without_a_shell_has_a_file_a_package(keep: Keep, tmp_path: Path) -> None:
    parts = tmp_path / "var/lib/dpkg/status.d"
    parts.mkdir(parents=True)
    (parts / "libc6").write_text("Package: libc6\nVersion: 2.36-9\nArchitecture: amd64\n")
    (parts / "libc6.md5sums").write_text("d41d8cd98f00b204e9800998ecf8427e  lib/libc.so.6\n")
    assert [(one.name, one.version) for one in found_in(tmp_path, keep).packages] == [("libc6", "2.36-9")]


def test_rpm_says_the_same(rpm_root: Path, keep: Keep) -> None:
    found = found_in(rpm_root, keep)
    assert found.manager == "rpm"
    assert [(one.name, one.version, one.architecture) for one in found.packages] == [
        ("alpha", "0:1.0-3", "noarch"),
        ("beta", "1:2.5-3", "noarch"),
    ]


def test_a_database_of_rpm_without_rpm_fails(
    rpm_root: Path, keep: Keep, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    _, outcome = collect(OsPackagesCollector(str(rpm_root)), NONE, keep)
    assert (outcome.status, outcome.reason) == ("failed", "there is a database of rpm, but no rpm to read it")


def test_a_broken_database_of_rpm_fails(rpm_root: Path, keep: Keep, tmp_path: Path) -> None:
    root = tmp_path / "root"
    shutil.copytree(rpm_root, root)
    for path in (root / "var/lib/rpm").glob("rpmdb.sqlite*"):
        path.write_bytes(b"no database")
    _, outcome = collect(OsPackagesCollector(str(root)), NONE, keep)
    assert outcome.status == "failed"


def test_apk(keep: Keep, tmp_path: Path) -> None:
    database = tmp_path / "lib/apk/db/installed"
    database.parent.mkdir(parents=True)
    database.write_text(APK)
    found = found_in(tmp_path, keep)
    assert [(found.manager, one.name, one.version) for one in found.packages] == [
        ("apk", "musl", "1.2.4-r2"),
        ("apk", "zlib", "1.2.13-r1"),
    ]
    assert owners_of(["/lib/libz.so.1", "/usr/lib/other.so", "/lib/hand.so"], str(tmp_path)) == {
        "/lib/libz.so.1": "apk zlib",
        "/usr/lib/other.so": "apk musl",
    }


def test_nothing_is_absent(keep: Keep, tmp_path: Path) -> None:
    with pytest.raises(Absent):
        OsPackagesCollector(str(tmp_path)).collect(NONE, keep)


@pytest.mark.parametrize("content", [b"Package: x\nStatus: install ok installed\n", b"Version: 1\n"])
def test_a_package_without_a_name_or_a_version_fails(content: bytes, keep: Keep, tmp_path: Path) -> None:
    status = tmp_path / "var/lib/dpkg/status"
    status.parent.mkdir(parents=True)
    status.write_bytes(content)
    with pytest.raises(CollectorError, match="without a name or a version"):
        OsPackagesCollector(str(tmp_path)).collect(NONE, keep)


class TestOwners:
    @pytest.mark.usefixtures("debian")
    def test_dpkg_agrees(self) -> None:
        libraries = [str(path.resolve()) for path in Path("/usr/lib").glob("*-linux-gnu/lib*.so.?")][:30]
        assert libraries
        for path, owner in owners_of(libraries).items():
            told = ""
            for name in (path, path.removeprefix("/usr")):
                done = subprocess.run(["dpkg-query", "-S", name], capture_output=True, text=True, check=False)
                told += done.stdout
            assert owner.removeprefix("dpkg ") in {line.partition(":")[0] for line in told.splitlines()}

    def test_rpm_agrees(self, rpm_root: Path) -> None:
        found = owners_of(["/opt/alpha/file", "/opt/alpha/other"], str(rpm_root))
        assert found == {"/opt/alpha/file": "rpm alpha"}

    def test_a_distribution_owns_what_its_record_lists(
        self, venv: Callable[..., Path], wheel: Callable[..., Path], site_packages: Callable[[Path], Path]
    ) -> None:
        site = site_packages(venv(wheel("alpha", {"alpha/lib.so": "x", "alpha.libs/libz.so.1": "y"})))
        (site / "alpha" / "hand.so").touch()
        paths = [str(site / name) for name in ("alpha/lib.so", "alpha.libs/libz.so.1", "alpha/hand.so")]
        assert owners_of(paths) == dict.fromkeys(paths[:2], "python alpha")


def test_nothing_is_read_again_until_something_changes(
    store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    status = tmp_path / "var/lib/dpkg/status"
    status.parent.mkdir(parents=True)
    reads = []

    class Counting(OsPackagesCollector):
        def __init__(self) -> None:
            super().__init__(str(tmp_path))

        def collect(self, target: Target, keep: Keep):  # type: ignore[no-untyped-def]
            reads.append(1)
            return super().collect(target, keep)

    def capture() -> str:
        return capture_environment(NONE, store, [Counting]).software["os_packages"].digest

    monkeypatch.setattr("envcap.fingerprint._RACY_NS", 0)
    status.write_text("Package: a\nStatus: install ok installed\nVersion: 1\n")
    first = capture()
    assert (capture(), len(reads)) == (first, 1)
    before = status.stat()
    status.write_text("Package: a\nStatus: install ok installed\nVersion: 2\n")
    os.utime(status, ns=(before.st_atime_ns, before.st_mtime_ns))  # same inode, size and mtime: ctime tells
    assert capture() != first
    assert len(reads) == 2
