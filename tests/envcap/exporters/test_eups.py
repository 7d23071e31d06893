# SPDX-License-Identifier: Apache-2.0
"""Exports of products: a shell, and EUPS where it is installed, make of them what the job had."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from envcap.errors import FormatError, NotCapturedError
from envcap.exporters.base import Exporter
from envcap.exporters.eups import EupsEnvExporter, EupsExporter, EupsTagsExporter
from envcap.exporters.registry import EXPORTERS
from envcap.store.index import Attempt
from envcap.store.local import LocalStore
from tests.eups_stack import FLAVOR, EupsStack

OF_EUPS = (EupsExporter, EupsTagsExporter, EupsEnvExporter)
Run = Callable[..., "subprocess.CompletedProcess[str]"]
Export = Callable[..., str]
EUPS = shutil.which("eups")
# What it takes to keep a place from being read by a shell.
AWKWARD = 'it\'s a $(touch mark) `touch mark` "stack"; touch mark'


@pytest.fixture
def export(store: LocalStore, envcap: Run, last: Callable[[], Attempt]) -> Export:
    """Give a function that captures what is set up and exports it."""

    def run(environ: Mapping[str, str], exporter: type[Exporter]) -> str:
        done = envcap("run", "--", "true", env={**environ, "PATH": f"{environ['PATH']}:{os.environ['PATH']}"})
        assert done.returncode == 0, done.stderr
        return exporter().export(last(), store).text

    return run


@pytest.fixture
def shell(tmp_path: Path) -> Callable[..., str]:
    """Give a function that lets a shell read a script and then run commands in an empty environment."""

    def run(script: str, *commands: str, before: str = "", program: str = "/bin/sh") -> str:
        folder = tmp_path / "shell"
        folder.mkdir(exist_ok=True)
        (folder / "script.sh").write_text(script)
        lines = "\n".join([before, ". ./script.sh", *commands])
        environ = {"PATH": "/usr/bin:/bin", "HOME": str(folder)}
        done = subprocess.run([program, "-c", lines], env=environ, cwd=folder, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert not (folder / "mark").exists()
        return done.stdout

    return run


@pytest.fixture
def stack(tmp_path: Path) -> EupsStack:
    """Give a stack in an awkward place, with two products that are set up, and a third from a directory."""
    made = EupsStack(tmp_path / AWKWARD)
    made.declare("base", "1.0", "current")
    made.declare("afw", "2.1+3", "current")
    made.install(tmp_path / "my work", "utils")
    made.setup("base", "1.0")
    made.setup("afw", "2.1+3")
    made.setup_local(tmp_path / "my work", "utils")
    return made


def test_the_script_sets_up_one_by_one(
    stack: EupsStack, export: Export, shell: Callable[..., str], tmp_path: Path
) -> None:
    script = export(stack.environ, EupsExporter)
    told = shell(script, 'echo "$EUPS_PATH"', before="setup() { printf '<%s>' \"$@\"; echo; }")
    assert told.splitlines() == [
        f"<-j><-f><{FLAVOR}><-Z><{stack.root}><base><1.0>",
        f"<-j><-f><{FLAVOR}><-Z><{stack.root}><afw><2.1+3>",
        f"<-j><-r><{tmp_path}/my work><utils>",
        str(stack.root),
    ]


def test_a_named_table_file_is_named_again(stack: EupsStack, export: Export, tmp_path: Path) -> None:
    (tmp_path / "other.table").touch()
    stack.environ["SETUP_BASE"] += f" -m {tmp_path}/other.table"
    assert f" -m {tmp_path}/other.table base 1.0\n" in export(stack.environ, EupsExporter)


def test_the_script_begins_with_eups_where_the_shell_has_none(
    stack: EupsStack, export: Export, shell: Callable[..., str], tmp_path: Path
) -> None:
    eups = tmp_path / "my eups"
    (eups / "bin").mkdir(parents=True)
    (eups / "bin/setups.sh").write_text("export EUPS_PATH=/of/eups\nsetup() { echo one; }\n")
    stack.environ["EUPS_DIR"] = str(eups)
    script = export(stack.environ, EupsExporter)
    assert shell(script, 'echo "$EUPS_PATH"').splitlines() == ["one", "one", "one", str(stack.root)]


def test_the_tag_file_has_names_and_versions(stack: EupsStack, export: Export, tmp_path: Path) -> None:
    local = str(tmp_path / "my work").replace(" ", "-+-")
    assert export(stack.environ, EupsTagsExporter).splitlines() == [
        "# product version",
        "base 1.0",
        "afw 2.1+3",
        f"utils LOCAL:{local}",
    ]


def test_the_exports_make_the_same_environment(stack: EupsStack, export: Export, shell: Callable[..., str]) -> None:
    script = export(stack.environ, EupsEnvExporter)
    names = sorted(stack.environ)
    told = shell(script, *(f'printf "%s\\n" "{name}=${name}"' for name in names))
    assert told.splitlines() == [f"{name}={stack.environ[name]}" for name in names]


def test_what_a_list_has_besides_stays(stack: EupsStack, export: Export, shell: Callable[..., str]) -> None:
    stack.environ["LD_LIBRARY_PATH"] += ":/usr/local/lib"
    script = export(stack.environ, EupsEnvExporter)
    members = stack.environ["LD_LIBRARY_PATH"].removesuffix(":/usr/local/lib")
    assert shell(script, 'echo "$LD_LIBRARY_PATH"') == f"{members}\n"
    told = shell(script, 'echo "$LD_LIBRARY_PATH"', before="export LD_LIBRARY_PATH=/mine")
    assert told == f"{members}:/mine\n"


@pytest.mark.parametrize("exporter", OF_EUPS)
def test_a_path_with_an_end_of_a_line_is_refused(exporter: type[Exporter], export: Export, tmp_path: Path) -> None:
    stack = EupsStack(tmp_path / "stack")
    stack.install(tmp_path / "two\nlines", "afw")
    stack.setup_local(tmp_path / "two\nlines", "afw")
    stack.environ["SETUP_AFW"] = f"afw LOCAL:{tmp_path}/two -f {FLAVOR} -Z (none)"
    with pytest.raises(FormatError, match="no text that a line can hold"):
        export(stack.environ, exporter)


@pytest.mark.parametrize("exporter", [EupsExporter, EupsTagsExporter])
@pytest.mark.parametrize("version", ["-rm", "1;touch", "$(touch)", "1'", "1\x1b[2J"])
def test_a_version_that_is_none_is_refused(
    version: str, exporter: type[Exporter], export: Export, tmp_path: Path
) -> None:
    stack = EupsStack(tmp_path / "stack")
    stack.declare("afw", version)
    stack.setup("afw", version)
    with pytest.raises(FormatError, match="version"):
        export(stack.environ, exporter)


@pytest.mark.parametrize("exporter", OF_EUPS)
def test_without_products_there_is_nothing_to_export(exporter: type[Exporter], export: Export) -> None:
    with pytest.raises(NotCapturedError, match="has no eups \\(absent: EUPS has set up no product\\)"):
        export({"PATH": "/usr/bin:/bin"}, exporter)


class TestCommand:
    """`envcap export`."""

    def test_writes_a_file_or_prints(self, stack: EupsStack, export: Export, envcap: Run, work: Path) -> None:
        text = export(stack.environ, EupsTagsExporter)
        done = envcap("export", "@last", "--format", "eups-tags")
        assert (done.returncode, done.stdout) == (0, text)
        done = envcap("export", "@last", "--format", "eups-tags", "-o", "products.tags")
        assert (done.returncode, done.stdout) == (0, "")
        assert (work / "products.tags").read_text() == text

    def test_an_unknown_format_is_a_wrong_call(self, envcap: Run) -> None:
        done = envcap("export", "@last", "--format", "nix")
        assert done.returncode == 2
        assert all(one.format in done.stderr for one in EXPORTERS)

    def test_what_was_not_captured_can_not_be_had(self, export: Export, envcap: Run) -> None:
        assert envcap("run", "--", "true").returncode == 0
        done = envcap("export", "@last", "--format", "eups")
        assert done.returncode == 3
        assert done.stderr.count("\n") == 1
        assert "has no eups" in done.stderr

    def test_a_directory_that_is_not_there(self, stack: EupsStack, export: Export, envcap: Run) -> None:
        export(stack.environ, EupsExporter)
        done = envcap("export", "@last", "--format", "eups", "-o", "none/file")
        assert (done.returncode, done.stderr) == (3, "envcap export: none/file: No such file or directory\n")

    def test_its_help_names_all_formats(self, envcap: Run) -> None:
        told = envcap("export", "--help").stdout
        assert all(f"  {one.format} " in told for one in EXPORTERS)


@pytest.mark.skipif(EUPS is None, reason="EUPS is not installed")
class TestRealEups:
    """EUPS makes of an export the environment that it had made before."""

    @pytest.fixture
    def before(self, tmp_path: Path) -> str:
        """Give commands after which a shell has EUPS and a stack with three products."""
        stack = EupsStack(tmp_path / "my stack")
        for name, version in (("base", "1.0"), ("afw", "2.1+3"), ("utils", "3")):
            stack.declare(name, version, "current")
        stack.install(tmp_path / "my work", "utils")
        eups = Path(str(EUPS)).resolve().parents[1]
        root = shlex.quote(str(stack.root))
        return f"export EUPS_PATH={root}; . {shlex.quote(str(eups))}/bin/setups.sh; export EUPS_PATH={root}"

    @pytest.fixture
    def job(self, before: str, shell: Callable[..., str], tmp_path: Path) -> dict[str, str]:
        """Give the environment that EUPS makes."""
        commands = (
            f"setup -j -f {FLAVOR} base",
            f"setup -j -f {FLAVOR} afw 2.1+3",
            f"setup -j -r {shlex.quote(str(tmp_path / 'my work'))} utils",
        )
        made = self.environ(shell("", *commands, "env -0", before=before, program="/bin/bash"))
        assert {"SETUP_BASE", "SETUP_AFW", "SETUP_UTILS"} <= made.keys()
        return made

    @staticmethod
    def environ(told: str) -> dict[str, str]:
        """Return what ``env -0`` told last."""
        found = dict(entry.split("=", 1) for entry in told.split("\0") if "=" in entry)
        return {name: value for name, value in found.items() if name not in ("_", "SHLVL", "PWD", "OLDPWD")}

    @pytest.mark.parametrize("exporter", [EupsExporter, EupsEnvExporter])
    def test_the_environment_is_the_same(
        self, exporter: type[Exporter], job: dict[str, str], store: LocalStore, envcap: Run,
        last: Callable[[], Attempt], shell: Callable[..., str],
    ) -> None:  # fmt: skip
        assert envcap("run", "--", "true", env=job).returncode == 0
        script = exporter().export(last(), store).text
        # Exports have no words that are no places.
        wanted = {n: v for n, v in job.items() if exporter is EupsExporter or not n.endswith("_DATA")}
        assert self.environ(shell(script, "env -0")) == wanted

    def test_it_reads_the_tag_file(
        self, job: dict[str, str], before: str, store: LocalStore, envcap: Run, last: Callable[[], Attempt],
        shell: Callable[..., str], tmp_path: Path,
    ) -> None:  # fmt: skip
        assert envcap("run", "--", "true", env=job).returncode == 0
        tags = tmp_path / "products.tags"
        tags.write_text(EupsTagsExporter().export(last(), store).text)
        commands = [f"setup -f {FLAVOR} -t {tags} {name}" for name in ("base", "afw", "utils")]
        found = self.environ(shell("", *commands, "env -0", before=before, program="/bin/bash"))
        names = ("SETUP_BASE", "SETUP_AFW", "SETUP_UTILS")
        assert [found[name] for name in names] == [job[name] for name in names]
