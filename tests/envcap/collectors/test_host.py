# SPDX-License-Identifier: Apache-2.0
"""Interpreter, operating system and hardware: held against what the programs of the system itself say."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from envcap.collectors.base import Absent, Keep
from envcap.collectors.hardware import HardwareCollector, flags_of, parse_cpuinfo
from envcap.collectors.interpreter import InterpreterCollector
from envcap.collectors.operating_system import OperatingSystemCollector, parse_os_release
from envcap.digest import digest_of
from envcap.model.components import Hardware, Interpreter, OperatingSystem
from envcap.target import Target


def say(*command: str) -> str:
    """Return what a program prints."""
    return subprocess.check_output(command, text=True).strip()


class TestInterpreter:
    """The command's Python."""

    def test_says_what_it_is(self, keep: Keep, target_of: Callable[..., Target], venv: Callable[..., Path]) -> None:
        python = venv()
        collected = InterpreterCollector().collect(target_of(python), keep)
        component = collected.component
        assert isinstance(component, Interpreter)
        code = "import platform; print(platform.python_implementation().lower(), platform.python_version())"
        assert f"{component.implementation} {component.version}" == say(str(python), "-c", code)
        assert str(component.soabi) in say(str(python), "-c", "import _ctypes; print(_ctypes.__file__)")
        assert collected.place == {"executable": str(python), "prefix": str(python.parent.parent)}

    def test_of_no_python_program_is_absent(self, keep: Keep) -> None:
        with pytest.raises(Absent):
            InterpreterCollector().collect(Target.none({}), keep)


class TestOperatingSystem:
    """The distribution and the C library."""

    def test_says_what_it_is(self, keep: Keep) -> None:
        component = OperatingSystemCollector().collect(Target.none({}), keep).component
        assert isinstance(component, OperatingSystem)
        assert (component.system, component.machine) == (say("uname", "-s"), say("uname", "-m"))
        assert component.libc.split()[-1] in say("getconf", "GNU_LIBC_VERSION")
        assert component.distribution["id"] == say("sh", "-c", '. /etc/os-release; echo "$ID"')
        assert component.distribution.get("version_id", "") == say("sh", "-c", '. /etc/os-release; echo "$VERSION_ID"')

    def test_the_time_zone_is_the_one_that_programs_use(self, keep: Keep) -> None:
        component = OperatingSystemCollector().collect(Target.none({}), keep).component
        assert isinstance(component, OperatingSystem)
        told = say("env", "-u", "TZ", "date", "+%Z %z")
        if component.timezone is not None and not component.timezone.startswith("sha256:"):
            assert told == say("env", f"TZ={component.timezone}", "date", "+%Z %z")

    @pytest.mark.parametrize(
        ("link", "expected"),
        [
            ("../usr/share/zoneinfo/Europe/Paris", "Europe/Paris"),
            ("../usr/share/zoneinfo/America/Argentina/Salta", "America/Argentina/Salta"),
            ("../usr/share/zoneinfo/Etc/UTC", "UTC"),
            ("elsewhere", digest_of(b"TZif2")),
            ("missing", "UTC"),
            (None, "UTC"),
        ],
    )
    def test_the_time_zone_is_what_the_c_library_makes_of_the_file(
        self, keep: Keep, tmp_path: Path, link: str | None, expected: str
    ) -> None:
        (tmp_path / "etc").mkdir()
        if link is not None:
            (tmp_path / "etc/localtime").symlink_to(link)
            if link != "missing":
                (tmp_path / "etc" / link).parent.resolve().mkdir(parents=True, exist_ok=True)
                (tmp_path / "etc" / link).write_bytes(b"TZif2")
        assert self.timezone_in(tmp_path, keep) == expected

    def test_a_file_of_another_zone_is_another(self, keep: Keep, tmp_path: Path) -> None:
        file = tmp_path / "etc/localtime"
        file.parent.mkdir()
        file.write_bytes(b"TZif2 one")
        before = self.timezone_in(tmp_path, keep)
        file.write_bytes(b"TZif2 two")
        assert self.timezone_in(tmp_path, keep) != before

    def test_a_time_zone_that_can_not_be_read_is_left_out(self, keep: Keep, tmp_path: Path) -> None:
        (tmp_path / "etc/localtime").mkdir(parents=True)
        assert self.timezone_in(tmp_path, keep) is None

    @staticmethod
    def timezone_in(root: Path, keep: Keep) -> str | None:
        component = OperatingSystemCollector(str(root)).collect(Target.none({}), keep).component
        assert isinstance(component, OperatingSystem)
        return component.timezone

    def test_os_release_is_parsed_as_a_shell_does(self) -> None:
        text = (
            '# a comment\n\nNAME="Debian GNU/Linux"\nID=debian\nVERSION_ID="12"\nVERSION_CODENAME=\'bookworm\'\n'
            "HOME_URL=https://x\nnonsense\nBUILD_ID=\n"
        )
        assert parse_os_release(text) == {
            "id": "debian", "version_id": "12", "version_codename": "bookworm", "build_id": "",
        }  # fmt: skip
        assert parse_os_release("") == {}


class TestHardware:
    """The node."""

    X86 = "processor\t: 0\nmodel name\t: Xeon: 8375C\nflags\t\t: sse avx2 avx\n\nprocessor\t: 1\nmodel name\t: Other\n"
    ARM = "processor\t: 0\nBogoMIPS\t: 50.00\nFeatures\t: fp asimd\nCPU part\t: 0xd0c\n\nprocessor\t: 1\n"

    def test_says_what_it_is(self, keep: Keep) -> None:
        component = HardwareCollector().collect(Target.none({}), keep).component
        assert isinstance(component, Hardware)
        assert component.kernel == say("uname", "-r")
        assert component.logical_cpus == os.cpu_count()
        total = int(next(line for line in Path("/proc/meminfo").read_text().splitlines()).split()[1]) * 1024
        assert abs((component.memory_bytes or 0) - total) < 0.01 * total
        assert list(component.cpu_flags) == sorted(component.cpu_flags)
        assert component.cpu_flags

    @pytest.mark.parametrize(
        ("text", "expected"),
        [(X86, ("Xeon: 8375C", ["avx", "avx2", "sse"])), (ARM, (None, ["asimd", "fp"])), ("", (None, []))],
    )
    def test_the_first_processor_counts(self, text: str, expected: tuple[str | None, list[str]]) -> None:
        first = parse_cpuinfo(text)
        assert (first.get("model name"), flags_of(first)) == expected

    def test_is_a_fact_about_the_host_and_no_identity(self) -> None:
        assert HardwareCollector.layer == "host"
        assert OperatingSystemCollector.layer == InterpreterCollector.layer == "software"
