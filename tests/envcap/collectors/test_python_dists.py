# SPDX-License-Identifier: Apache-2.0
"""Python distributions: real environments, made by pip and by uv."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envcap.collectors.base import Absent, Collected, Keep, collect
from envcap.collectors.python_dists import (
    InstalledDistribution,
    PythonDistsCollector,
    normalised_record,
    record_rows,
)
from envcap.digest import digest_of
from envcap.errors import CollectorError
from envcap.model.components import Distribution, PythonDists
from envcap.target import Target

Wheel = Callable[..., Path]
MakeVenv = Callable[..., Path]
Find = Callable[[Path], PythonDists]

BACKEND = '''
"""A build backend that needs nothing, for an editable install without an index."""
import zipfile
from pathlib import Path

def build_editable(folder, config=None, metadata=None):
    files = {
        "loose.pth": str(Path.cwd() / "src") + "\\n",
        "loose-2.0.dist-info/METADATA": "Metadata-Version: 2.1\\nName: loose\\nVersion: 2.0\\n",
        "loose-2.0.dist-info/WHEEL": "Wheel-Version: 1.0\\nGenerator: x\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
        "loose-2.0.dist-info/RECORD": "",
    }
    with zipfile.ZipFile(Path(folder, "loose-2.0-py3-none-any.whl"), "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return "loose-2.0-py3-none-any.whl"
'''
PROJECT = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'


@pytest.fixture
def collected(keep: Keep, target_of: Callable[..., Target]) -> Callable[[Path], Collected]:
    """Give a function that collects what an environment's Python can import."""
    return lambda python: PythonDistsCollector().collect(target_of(python), keep)


@pytest.fixture
def find(collected: Callable[[Path], Collected]) -> Find:
    """Give a function that returns the component."""

    def run(python: Path) -> PythonDists:
        component = collected(python).component
        assert isinstance(component, PythonDists)
        return component

    return run


@pytest.fixture
def loose(tmp_path: Path) -> Path:
    """Give a project that can be installed editable."""
    project = tmp_path / "loose"
    (project / "src").mkdir(parents=True)
    (project / "src" / "loose.py").write_text("answer = 42\n")
    (project / "backend.py").write_text(BACKEND)
    (project / "pyproject.toml").write_text(PROJECT)
    return project


def names(found: PythonDists) -> dict[str, Distribution]:
    """Return the distributions by name."""
    return {d.name: d for d in found.distributions}


def digest(found: PythonDists) -> str:
    """Return the component's digest."""
    return digest_of(found.to_bytes())


class TestSame:
    """What does not matter."""

    def test_pip_or_uv_this_prefix_or_that_now_or_then(
        self, find: Find, venv: MakeVenv, pip_venv: MakeVenv, wheel: Wheel, site_packages: Callable[[Path], Path]
    ) -> None:
        modules = {"pack/__init__.py": "", "pack/deep/x.py": "y = 1\n", "pack/data.txt": "z"}
        wheels = (wheel("pack", modules, script="pack=pack:main"), wheel("tool"))
        by_uv = venv(*wheels)
        by_pip = pip_venv(*reversed(wheels))
        assert names(find(by_uv)).keys() == {"pack", "tool"}
        assert digest(find(by_uv)) == digest(find(by_pip))
        # The two RECORDs do differ, and pip compiled where uv did not: there was something to normalise.
        records = [(site_packages(p) / "pack-1.0.dist-info" / "RECORD").read_text() for p in (by_uv, by_pip)]
        assert records[0] != records[1]
        assert ".pyc" in records[1]
        assert ".pyc" not in records[0]

    def test_byte_code_and_bookkeeping(
        self, find: Find, venv: MakeVenv, wheel: Wheel, run_quietly: Callable[..., str],
        site_packages: Callable[[Path], Path],
    ) -> None:  # fmt: skip
        python = venv(wheel("tool"))
        before = digest(find(python))
        run_quietly(python, "-m", "compileall", "-q", site_packages(python))
        info = site_packages(python) / "tool-1.0.dist-info"
        (info / "INSTALLER").write_text("somebody else\n")
        (info / "REQUESTED").write_text("")
        (info / "direct_url.json").write_text(json.dumps({"url": "file:///x.whl", "archive_info": {}}))
        with (info / "RECORD").open("a") as stream:
            stream.write("__pycache__/tool.cpython-313.pyc,,\ntool-1.0.dist-info/REQUESTED,sha256=x,0\n")
            stream.write("tool-1.0.dist-info/direct_url.json,sha256=x,9\n")
        assert digest(find(python)) == before

    def test_the_origin_is_a_place(
        self, collected: Callable[[Path], Collected], venv: MakeVenv, wheel: Wheel,
        site_packages: Callable[[Path], Path],
    ) -> None:  # fmt: skip
        python = venv(wheel("tool"))
        url = {"url": "https://me:hunter2@host/tool.whl", "archive_info": {}}
        (site_packages(python) / "tool-1.0.dist-info" / "direct_url.json").write_text(json.dumps(url))
        assert collected(python).place == {
            "prefix": str(python.parent.parent), "origins": {"tool": "https://<scrubbed:url-credentials>@host/tool.whl"},
        }  # fmt: skip


class TestDifferent:
    """What matters."""

    def test_one_changed_hash(
        self, find: Find, venv: MakeVenv, wheel: Wheel, site_packages: Callable[[Path], Path]
    ) -> None:
        python = venv(wheel("tool"))
        before = digest(find(python))
        record = site_packages(python) / "tool-1.0.dist-info" / "RECORD"
        row = next(line for line in record.read_text().splitlines() if line.startswith("tool.py,"))
        where = row.index("sha256=") + 10
        changed = row[:where] + ("A" if row[where] != "A" else "B") + row[where + 1 :]
        record.write_text(record.read_text().replace(row, changed))
        assert digest(find(python)) != before

    def test_one_changed_byte_in_a_wheel(self, find: Find, venv: MakeVenv, wheel: Wheel) -> None:
        one = venv(wheel("tool", {"tool.py": "answer = 42\n"}))
        two = venv(wheel("tool", {"tool.py": "answer = 43\n"}))
        assert digest(find(one)) != digest(find(two))

    def test_another_version_and_one_more_or_less(
        self, find: Find, venv: MakeVenv, wheel: Wheel, uv_install: Callable[..., None],
        run_quietly: Callable[..., str],
    ) -> None:  # fmt: skip
        python = venv(wheel("tool"))
        seen = [digest(find(python))]
        uv_install(python, wheel("tool", version="1.1"))
        seen.append(digest(find(python)))
        uv_install(python, wheel("more"))
        seen.append(digest(find(python)))
        assert len(set(seen)) == 3
        uv_install(python, wheel("tool"))
        run_quietly(Path(sys.executable).with_name("uv"), "pip", "uninstall", "-q", "--python", python, "more")
        assert digest(find(python)) == seen[0]

    def test_a_script_in_another_place_of_the_prefix(self) -> None:
        assert normalised_record("../../../bin/x,sha256=a,1\n") == normalised_record("../../../bin/x,sha256=b,2\n")
        assert normalised_record("../../../bin/x,sha256=a,1\n") != normalised_record("../../../bin/y,sha256=a,1\n")
        assert normalised_record("../../../share/x,sha256=a,1\n") != normalised_record("../../../share/x,sha256=b,1\n")


class TestKinds:
    """Distributions that are not wheels from an index."""

    @pytest.mark.parametrize("installer", ["uv", "pip"])
    def test_editable(
        self, installer: str, find: Find, venv: MakeVenv, pip_home: Path, uv_install: Callable[..., None], loose: Path,
        run_quietly: Callable[..., str], target_of: Callable[..., Target],
    ) -> None:  # fmt: skip
        python = venv()
        if installer == "uv":
            uv_install(python, "--editable", loose)
        else:
            run_quietly(pip_home, "-m", "pip", "--python", python, "install", "-q", "--no-build-isolation", "-e", loose)
        assert find(python).distributions == (Distribution(name="loose", version="2.0", editable=True),)
        # Its code is not in RECORD, so it is a code root.
        assert str(loose / "src") in [place.path for place in target_of(python).code_places()]

    @pytest.mark.parametrize(
        ("name", "is_folder", "expected"),
        [
            ("Old_Tool-1.2-py3.11.egg-info", True, ("old-tool", "1.2")),
            ("old.tool-1.2.egg-info", False, ("old-tool", "1.2")),
            ("plain.egg-info", False, ("plain", "")),
        ],
    )
    def test_egg_info_has_no_record(
        self, find: Find, venv: MakeVenv, site_packages: Callable[[Path], Path], name: str, is_folder: bool,
        expected: tuple[str, str],
    ) -> None:  # fmt: skip
        python = venv()
        path = site_packages(python) / name
        path.mkdir() if is_folder else path.write_text("Metadata-Version: 1.0\n")
        assert find(python).distributions == (Distribution(name=expected[0], version=expected[1]),)

    def test_names_are_normalised_and_sorted(self, find: Find, venv: MakeVenv, wheel: Wheel) -> None:
        found = find(venv(wheel("Zope.Interface", {"z.py": ""}), wheel("a_b", {"a.py": ""})))
        assert [d.name for d in found.distributions] == ["a-b", "zope-interface"]

    def test_of_one_name_the_first_on_the_path_counts(
        self, find: Find, venv: MakeVenv, wheel: Wheel, uv_install: Callable[..., None], tmp_path: Path, keep: Keep,
        target_of: Callable[..., Target],
    ) -> None:  # fmt: skip
        python = venv(wheel("tool"))
        uv_install(python, "--target", tmp_path / "stack", wheel("tool", version="3.0"))
        shadowed = PythonDistsCollector().collect(target_of(python, PYTHONPATH=str(tmp_path / "stack")), keep)
        assert isinstance(shadowed.component, PythonDists)
        assert [d.version for d in shadowed.component.distributions] == ["3.0"]
        assert [d.version for d in find(python).distributions] == ["1.0"]


class TestTrouble:
    """What can't be read is said."""

    def test_no_python_program_has_none(self, keep: Keep) -> None:
        with pytest.raises(Absent):
            PythonDistsCollector().collect(Target.none({}), keep)

    @pytest.mark.parametrize("name", ["RECORD", "direct_url.json"])
    def test_a_directory_in_place_of_a_file_fails_with_its_path(
        self, name: str, keep: Keep, venv: MakeVenv, wheel: Wheel, site_packages: Callable[[Path], Path],
        target_of: Callable[..., Target],
    ) -> None:  # fmt: skip
        python = venv(wheel("tool"))
        path = site_packages(python) / "tool-1.0.dist-info" / name
        path.unlink(missing_ok=True)
        path.mkdir()
        found, outcome = collect(PythonDistsCollector(), target_of(python), keep)
        assert found is None
        assert outcome.status == "failed"
        assert str(path) in str(outcome.reason)

    @pytest.mark.parametrize(("name", "text"), [("direct_url.json", b"{"), ("RECORD", b"\xff,,\n")])
    def test_a_file_that_is_nonsense_fails(
        self, name: str, text: bytes, keep: Keep, venv: MakeVenv, wheel: Wheel, site_packages: Callable[[Path], Path],
        target_of: Callable[..., Target],
    ) -> None:  # fmt: skip
        python = venv(wheel("tool"))
        (site_packages(python) / "tool-1.0.dist-info" / name).write_bytes(text)
        found, outcome = collect(PythonDistsCollector(), target_of(python), keep)
        assert found is None
        assert outcome.status == "failed"
        assert outcome.reason

    def test_direct_url_that_is_nonsense_names_its_file(self, tmp_path: Path) -> None:
        (tmp_path / "direct_url.json").write_text("[")
        with pytest.raises(CollectorError, match=str(tmp_path)):
            InstalledDistribution(str(tmp_path)).direct_url()


def test_the_order_of_rows_does_not_matter() -> None:
    assert normalised_record("a.py,x,1\nb.py,y,2\n") == normalised_record("b.py,y,2\na.py,x,1\n")
    assert normalised_record("a.py,x,1\nb.py,y,2\n") != normalised_record("a.py,y,2\nb.py,x,1\n")


def test_rows_are_read_quoted_or_not() -> None:
    plain = "a.py,sha256=x,1\nb/c.py,,\nonly\n"
    assert list(record_rows(plain)) == [("a.py", "sha256=x", "1"), ("b/c.py", "", ""), ("only", "", "")]
    quoted = '"with, comma.py",sha256=x,1\n"with ""quote"".py",,\n'
    assert list(record_rows(quoted)) == [("with, comma.py", "sha256=x", "1"), ('with "quote".py', "", "")]


NAMES = ("a", "x.py", "a.pyc", "__pycache__", "..", "bin", "Scripts", "RECORD", "INSTALLER", "p.dist-info")
ROWS = st.builds(
    lambda parts, hashed, sized: ",".join(("/".join(parts), *hashed, *sized)),
    st.lists(st.sampled_from(NAMES), min_size=1, max_size=4),
    st.sampled_from([(), ("",), ("sha256=abc",), ("sha256=a,b",)]),
    st.sampled_from([(), ("",), ("12",)]),
)


@settings(max_examples=1000, deadline=None, database=None)
@given(st.lists(st.one_of(ROWS, st.sampled_from(['"a,b.py",sha256=x,1', "", '"']))))
def test_a_normalised_record_is_what_its_rows_say(lines: list[str]) -> None:
    text = "\n".join(lines)
    expected = []
    for path, digest, size in record_rows(text):
        folder, _, name = path.rpartition("/")
        if name.endswith(".pyc") or (name in ("RECORD", "INSTALLER") and folder.endswith(".dist-info")):
            continue
        path = re.sub(r"^(\.\./)+", "", path)
        expected.append(f"{path},," if path.startswith(("bin/", "Scripts/")) else f"{path},{digest},{size}")
    assert normalised_record(text) == digest_of("\n".join(sorted(expected)).encode())
