# SPDX-License-Identifier: Apache-2.0
"""The command's own interpreter and where it imports from: held against what that interpreter really does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import envcap
from envcap.errors import CollectorError
from envcap.target import Target, find_program

TELL = "import json, os, sys\nprint(json.dumps([os.path.realpath(p) for p in sys.path]))\n"
MakeVenv = Callable[..., Path]


def script(path: Path, text: str) -> str:
    """Write an executable file and return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return str(path)


class TestInterpreter:
    """Which Python a command runs in."""

    @pytest.fixture
    def python(self, venv: MakeVenv) -> Path:
        """Give the Python of an environment that isn't envcap's."""
        return venv()

    @pytest.fixture
    def on_path(self, python: Path, clean_environ: dict[str, str]) -> dict[str, str]:
        """Give an environment in which that Python is the first on PATH."""
        return {**clean_environ, "PATH": f"{python.parent}:{clean_environ['PATH']}"}

    def test_by_its_own_path(self, python: Path, clean_environ: dict[str, str]) -> None:
        target = Target.of_command([str(python), "-c", ""], clean_environ)
        assert target.prefix == str(python.parent.parent)
        assert target.executable == str(python)
        assert target.version == ".".join(map(str, sys.version_info[:3]))
        assert target.implementation == sys.implementation.name
        assert target.soabi

    @pytest.mark.parametrize("name", ["python", "python3", f"python3.{sys.version_info.minor}"])
    def test_by_path(self, python: Path, on_path: dict[str, str], name: str, clean_environ: dict[str, str]) -> None:
        assert Target.of_command([name, "-c", ""], on_path).prefix == str(python.parent.parent)
        assert Target.of_command([name, "-c", ""], clean_environ).prefix != str(python.parent.parent)

    @pytest.mark.parametrize(
        "line",
        ["#!{python}", "#! {python} -u", "#!/usr/bin/env python3", "#!/usr/bin/env -S python3 -S",
         "#!/usr/bin/env -S A=1 python3"],
    )  # fmt: skip
    def test_by_the_first_line_of_a_script(
        self, python: Path, on_path: dict[str, str], line: str, tmp_path: Path
    ) -> None:
        command = script(tmp_path / "job" / "reduce", f"{line.format(python=python)}\nimport sys; print(sys.prefix)\n")
        target = Target.of_command([command, "x"], on_path)
        assert target.prefix == str(python.parent.parent)
        assert target.script_dir == str(tmp_path / "job")
        if "-S" not in line or "A=1" in line:
            assert subprocess.check_output([command], env=on_path, text=True).strip() == target.prefix

    def test_by_env_with_an_option_that_has_a_value(
        self, python: Path, on_path: dict[str, str], tmp_path: Path
    ) -> None:
        command = script(tmp_path / "reduce", "#!/usr/bin/env -S -u HOME python3\nimport sys; print(sys.prefix)\n")
        assert subprocess.check_output([command], env=on_path, text=True).strip() == str(python.parent.parent)
        assert Target.of_command([command], on_path).prefix == str(python.parent.parent)

    def test_by_the_console_script_of_a_wheel(
        self, venv: MakeVenv, wheel: Callable[..., Path], clean_environ: dict[str, str]
    ) -> None:
        python = venv(wheel("tool", {"tool.py": "def main(): pass\n"}, script="tool=tool:main"))
        target = Target.of_command([str(python.with_name("tool"))], clean_environ)
        assert target.prefix == str(python.parent.parent)
        assert target.code_places() == []

    @pytest.mark.parametrize("folder", ["with space", "long" * 40])
    def test_by_a_console_script_whose_interpreter_no_first_line_can_name(
        self,
        folder: str,
        wheel: Callable[..., Path],
        run_quietly: Callable[..., str],
        tmp_path: Path,
        clean_environ: dict[str, str],
    ) -> None:
        prefix = tmp_path / folder / "venv"
        uv = Path(sys.executable).with_name("uv")
        run_quietly(uv, "venv", "-q", "--python", sys.executable, prefix)
        code = "def main():\n    import sys\n    print(sys.prefix)\n"
        made = wheel("tool", {"tool.py": code}, script="tool=tool:main")
        run_quietly(uv, "pip", "install", "-q", "--python", prefix / "bin" / "python", made)
        assert run_quietly(prefix / "bin" / "tool").strip() == str(prefix)
        assert Target.of_command([str(prefix / "bin" / "tool")], clean_environ).prefix == str(prefix)

    def test_through_a_link_to_a_script(self, python: Path, tmp_path: Path, clean_environ: dict[str, str]) -> None:
        script(tmp_path / "project" / "reduce.py", f"#!{python}\n")
        (tmp_path / "link").symlink_to(tmp_path / "project" / "reduce.py")
        target = Target.of_command([str(tmp_path / "link")], clean_environ)
        assert (target.prefix, target.script_dir) == (str(python.parent.parent), str(tmp_path / "project"))

    @pytest.mark.parametrize(
        "text",
        [
            "#!/bin/sh\npython x.py\n",
            "#!/no/such/python\n",
            "no first line\n",
            "",
            "#!\n",
            "#!/bin/sh\n'''exec' \"open\n",
            "#!/bin/sh\n'''exec' \n",
        ],
    )
    def test_of_another_program_there_is_none(self, tmp_path: Path, text: str, clean_environ: dict[str, str]) -> None:
        target = Target.of_command([script(tmp_path / "job", text)], clean_environ)
        assert (target.executable, target.prefix, target.path, target.code_places()) == ("", "", [], [])

    @pytest.mark.parametrize("name", ["sh", "/bin/true", "no-such-command", "/no/such/command"])
    def test_of_a_binary_there_is_none(self, name: str, clean_environ: dict[str, str]) -> None:
        assert Target.of_command([name], clean_environ).executable == ""

    def test_that_is_envcaps_own_is_not_asked(self, clean_environ: dict[str, str], tmp_path: Path) -> None:
        """Its facts are those that asking it gives."""
        code = (
            "import os, sys\nfrom envcap.target import Target, _ask\nasked = Target(_ask(sys.executable, os.environ), "
            "os.environ)\nown = Target.of_command([sys.executable, '-c', ''], os.environ)\n"
            "for name in ('executable', 'prefix', 'implementation', 'version', 'soabi', 'path', 'stdlib'):\n"
            "    assert getattr(asked, name) == getattr(own, name), (name, getattr(asked, name), getattr(own, name))\n"
        )
        (tmp_path / "package").mkdir()
        command = [sys.executable, script(tmp_path / "compare.py", code)]
        subprocess.run(command, env={**clean_environ, "PYTHONPATH": str(tmp_path / "package")}, check=True)

    def test_that_runs_a_module_still_has_its_distributions(
        self, venv: MakeVenv, wheel: Callable[..., Path], clean_environ: dict[str, str], tmp_path: Path
    ) -> None:
        telling = "from envcap.target import Target\nprint(*Target.current().path, sep='\\n')\n"
        python = venv(wheel("tool", {"tool.py": telling}))
        environ = {**clean_environ, "PYTHONPATH": str(Path(envcap.__file__).parent.parent)}
        beside = script(tmp_path / "beside" / "tool.py", telling)
        paths = [
            subprocess.check_output([python, *words], env=environ, cwd=tmp_path, text=True).splitlines()
            for words in (["-m", "tool"], [beside])
        ]
        assert all(sum(path.endswith("site-packages") for path in found) == 1 for found in paths)
        assert os.path.dirname(beside) not in paths[1], "a script's own directory is told apart"

    @pytest.mark.parametrize("text", ["exit 1", "exit 0", "echo nonsense", "echo '[1, 2]'", "echo '{}'", "kill -9 $$"])
    def test_that_does_not_answer_is_an_error(self, tmp_path: Path, text: str, clean_environ: dict[str, str]) -> None:
        command = script(tmp_path / "python3", f"#!/bin/sh\n{text}\n")
        with pytest.raises(CollectorError, match=f"{command} does not say what it imports from"):
            Target.of_command([command, "x.py"], clean_environ)

    def test_that_is_noisy_is_understood(
        self, python: Path, site_packages: Callable[[Path], Path], clean_environ: dict[str, str]
    ) -> None:
        (site_packages(python) / "sitecustomize.py").write_text("print('welcome')\n")
        assert Target.of_command([str(python)], clean_environ).prefix == str(python.parent.parent)

    def test_is_asked_without_envcaps_variables(
        self, python: Path, site_packages: Callable[[Path], Path], clean_environ: dict[str, str]
    ) -> None:
        code = "import os, sys\nif 'ENVCAP_CONTEXT' in os.environ: sys.exit('hooked')\n"
        (site_packages(python) / "sitecustomize.py").write_text(code)
        environ = {**clean_environ, "ENVCAP_CONTEXT": "{}"}
        assert Target.of_command([str(python)], environ).executable == str(python)


# What Python puts first on its search path, by its arguments; `sub` and `here` are directories.
ARGUMENTS = [
    ["sub/tell.py"],
    ["-u", "sub/tell.py", "x"],
    ["-W", "ignore", "sub/tell.py"],
    ["-Wignore", "-X", "dev", "sub/tell.py"],
    ["--check-hash-based-pycs", "never", "sub/tell.py"],
    ["link.py"],
    ["sub"],
    ["-m", "here"],
    ["-c", TELL, "sub/tell.py"],
    ["-"],
    ["-um", "here"],
    ["-uc", TELL],
    [],
    ["-uI", "sub/tell.py"],
    ["-bbm", "here"],
    [f"-c{TELL}", "sub/tell.py"],
    ["-mhere", "sub/x"],
    ["-I", "sub/tell.py"],
    ["-P", "sub/tell.py"],
    ["-Wignore::ImportWarning", "sub/tell.py"],
    ["-Xpycache_prefix=/tmp/P", "sub/tell.py"],
    ["-uc", f"x = 1/1\n{TELL}"],
]


@pytest.mark.parametrize(
    "arguments", ARGUMENTS, ids=lambda arguments: " ".join(arguments).partition("import")[0] or "stdin"
)
def test_the_directory_of_a_script_is_what_python_says(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clean_environ: dict[str, str]
) -> None:
    for name in ("sub/tell.py", "sub/__main__.py", "here.py"):
        script(tmp_path / name, TELL)
    (tmp_path / "link.py").symlink_to("sub/tell.py")
    monkeypatch.chdir(tmp_path)
    command = [sys.executable, *arguments]
    path = json.loads(subprocess.check_output(command, env=clean_environ, input=TELL, text=True).splitlines()[-1])
    first = path[0] if path[0].startswith(str(tmp_path)) else None
    assert Target.of_command(command, clean_environ).script_dir == first


def test_the_search_path_is_whole_with_pythonsafepath(
    venv: MakeVenv, tmp_path: Path, clean_environ: dict[str, str]
) -> None:
    environ = {**clean_environ, "PYTHONSAFEPATH": "1", "PYTHONPATH": str(tmp_path)}
    assert str(tmp_path) in Target.of_command([str(venv()), "-c", ""], environ).path


class TestCodePlaces:
    """Directories with code that no distribution covers."""

    @pytest.fixture
    def places(self, venv: MakeVenv, clean_environ: dict[str, str]) -> Callable[..., list[tuple[str, bool]]]:
        """Give a function that returns the code places of a script in an environment of its own."""
        python = venv()

        def find(command: str, **environ: str) -> list[tuple[str, bool]]:
            target = Target.of_command([str(python), command], {**clean_environ, **environ})
            return [(place.path, place.deep) for place in target.code_places()]

        return find

    def test_the_scripts_own(self, places: Callable[..., list[tuple[str, bool]]], tmp_path: Path) -> None:
        assert places(script(tmp_path / "job" / "x.py", "")) == [(str(tmp_path / "job"), False)]

    def test_pythonpath_in_order(self, places: Callable[..., list[tuple[str, bool]]], tmp_path: Path) -> None:
        for name in ("b", "a"):
            (tmp_path / name).mkdir()
        path = f"{tmp_path}/b:{tmp_path}/missing:{tmp_path}/a:{tmp_path}/b"
        command = script(tmp_path / "job" / "x.py", "")
        assert places(command, PYTHONPATH=path) == [
            (str(tmp_path / "job"), False), (str(tmp_path / "b"), True), (str(tmp_path / "a"), True),
        ]  # fmt: skip

    def test_one_that_is_both_counts_once_and_is_deep(
        self, places: Callable[..., list[tuple[str, bool]]], tmp_path: Path
    ) -> None:
        command = script(tmp_path / "job" / "x.py", "")
        assert places(command, PYTHONPATH=str(tmp_path / "job")) == [(str(tmp_path / "job"), True)]

    def test_what_a_pth_file_points_at(
        self, venv: MakeVenv, site_packages: Callable[[Path], Path], tmp_path: Path, clean_environ: dict[str, str]
    ) -> None:
        python = venv()
        (tmp_path / "project" / "src").mkdir(parents=True)
        (site_packages(python) / "editable.pth").write_text(f"{tmp_path}/project/src\n")
        target = Target.of_command([str(python), str(python.with_name("activate"))], clean_environ)
        assert [(p.path, p.deep) for p in target.code_places()] == [(str(tmp_path / "project" / "src"), True)]

    def test_a_script_under_the_systems_prefix(self) -> None:
        facts = ("/usr/bin/python3", "/usr", "cpython", "3.13.0", None, ["/usr/lib/python3.13"], "/usr/lib/python3.13")
        target = Target(facts, {}, script_dir="/usr/local/src/project")
        assert [place.path for place in target.code_places()] == ["/usr/local/src/project"]

    def test_a_directory_of_distributions_is_none(
        self,
        venv: MakeVenv,
        uv_install: Callable[..., None],
        wheel: Callable[..., Path],
        tmp_path: Path,
        clean_environ: dict[str, str],
    ) -> None:
        python = venv()
        uv_install(python, "--target", tmp_path / "stack", wheel("tool"))
        command = [str(python), str(python.with_name("activate"))]
        target = Target.of_command(command, {**clean_environ, "PYTHONPATH": f"{tmp_path}/stack"})
        assert target.code_places() == []


class TestFindProgram:
    """Programs are found as a shell finds them."""

    @pytest.mark.parametrize("name", ["tool", "sub/tool", "./tool", "missing", "plain", "folder", "second"])
    def test_as_a_shell_does(self, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        for path in ("bin/tool", "sub/tool", "tool", "other/second"):
            script(tmp_path / path, '#!/bin/sh\nrealpath "$0"\n')
        (tmp_path / "bin" / "plain").touch()
        (tmp_path / "bin" / "folder").mkdir()
        monkeypatch.chdir(tmp_path)
        path = f"{tmp_path}/bin:{tmp_path}/other:/usr/bin:/bin"
        done = subprocess.run(["/bin/sh", "-c", name], env={"PATH": path}, capture_output=True, text=True)
        found = find_program(name, {"PATH": path})
        assert (found is None) == (done.returncode != 0)
        assert found is None or os.path.realpath(found) == done.stdout.strip()
