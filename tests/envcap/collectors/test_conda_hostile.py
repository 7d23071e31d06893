# SPDX-License-Identifier: Apache-2.0
"""Records of conda that are broken, odd or hostile: they are read as JSON is, or the collector says that it can't."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from envcap.collectors.base import Absent, Keep, collect
from envcap.collectors.conda import MAX_RECORD, CondaCollector
from envcap.model.components import Conda
from envcap.target import Target

RECORD = {
    "name": "tool",
    "version": "1.0",
    "build": "0",
    "files": ["a", "b"],
    "paths_data": {"paths": [{"_path": "a"}]},
}
TEXTS = st.text(st.sampled_from('ab"\\[]{},:\n \t\u2028é'), max_size=8)
VALUES = st.recursive(
    st.one_of(st.none(), st.integers(0, 9), TEXTS),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["files", "paths", "name", "x"]), inner, max_size=3),
    ),
    max_leaves=12,
)


@pytest.fixture
def prefix(tmp_path: Path) -> Path:
    """Give a prefix with one record."""
    (tmp_path / "conda-meta").mkdir()
    (tmp_path / "conda-meta" / "tool-1.0-0.json").write_text(json.dumps(RECORD, indent=2))
    return tmp_path


def target(prefix: Path) -> Target:
    """Return the target of the Python of a prefix, which need not be there."""
    return Target((f"{prefix}/bin/python", str(prefix), "cpython", "3.13.0", None, [], f"{prefix}/lib"), {})


def packages(prefix: Path) -> list[dict[str, Any]]:
    """Return the packages as JSON."""
    collected, outcome = collect(CondaCollector(), target(prefix), lambda *_: pytest.fail("a blob"))
    assert collected is not None, outcome.reason
    assert isinstance(collected.component, Conda)
    return [dict(package.data) for package in collected.component.packages]


def reason(prefix: Path) -> str:
    """Return why the collector failed."""
    collected, outcome = collect(CondaCollector(), target(prefix), lambda *_: pytest.fail("a blob"))
    assert (collected, outcome.status) == (None, "failed")
    return str(outcome.reason)


class TestAbsent:
    """There is nothing of conda."""

    def test_without_conda_meta(self, tmp_path: Path, keep: Keep) -> None:
        with pytest.raises(Absent, match="no conda-meta"):
            CondaCollector().collect(target(tmp_path), keep)

    def test_without_a_package(self, tmp_path: Path, keep: Keep) -> None:
        (tmp_path / "conda-meta").mkdir()
        (tmp_path / "conda-meta" / "history").touch()
        with pytest.raises(Absent, match="no package"):
            CondaCollector().collect(target(tmp_path), keep)

    def test_without_python(self, keep: Keep) -> None:
        with pytest.raises(Absent, match="no Python program"):
            CondaCollector().collect(Target.none({}), keep)


class TestFailed:
    """One record that can't be read fails it all: a list without it would be a lie."""

    @pytest.mark.parametrize(
        "data",
        [b"", b"{", b"[]", b"1", b'"x"', b"null", b"\xff", b"[" * 100_000, b'{"name": "x"} trailing'],
        ids=["empty", "torn", "list", "number", "text", "null", "bytes", "deep", "trailing"],
    )
    def test_no_json_object(self, prefix: Path, data: bytes) -> None:
        (prefix / "conda-meta" / "more-1-0.json").write_bytes(data)
        assert str(prefix / "conda-meta" / "more-1-0.json") in reason(prefix)

    @pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
    def test_a_record_that_was_written_in_part(self, prefix: Path, share: float) -> None:
        path = prefix / "conda-meta" / "tool-1.0-0.json"
        text = json.dumps({**RECORD, "files": [f"file{i}" for i in range(1000)], "url": "https://x/y"}, indent=2)
        path.write_text(text[: int(share * len(text))])
        assert str(path) in reason(prefix)

    @pytest.mark.parametrize("member", ["name", "version", "build"])
    @pytest.mark.parametrize("value", [None, "", 1, ["x"], {"x": "y"}])
    def test_without_what_names_a_package(self, prefix: Path, member: str, value: object) -> None:
        path = prefix / "conda-meta" / "tool-1.0-0.json"
        path.write_text(json.dumps({**RECORD, member: value}))
        assert str(path) in reason(prefix)
        assert member in reason(prefix)

    @pytest.mark.parametrize("member", ["url", "channel", "md5", "sha256", "subdir"])
    def test_with_a_member_of_another_type(self, prefix: Path, member: str) -> None:
        (prefix / "conda-meta" / "tool-1.0-0.json").write_text(json.dumps({**RECORD, member: 1}))
        assert f"its {member} is no text" in reason(prefix)

    @pytest.mark.parametrize("kind", ["pipe", "folder", "zero", "loop", "dangling", "hole"])
    def test_no_regular_file(self, prefix: Path, kind: str) -> None:
        path = prefix / "conda-meta" / "more-1-0.json"
        if kind == "pipe":
            os.mkfifo(path)
        elif kind == "folder":
            path.mkdir()
        elif kind == "hole":
            path.touch()
            os.truncate(path, 1 << 40)
        else:
            path.symlink_to({"zero": "/dev/zero", "loop": path, "dangling": prefix / "nowhere"}[kind])
        assert str(path) in reason(prefix)

    def test_a_file_in_place_of_the_directory(self, tmp_path: Path) -> None:
        (tmp_path / "conda-meta").touch()
        assert str(tmp_path / "conda-meta") in reason(tmp_path)

    def test_a_dangling_link_in_place_of_the_directory(self, tmp_path: Path) -> None:
        (tmp_path / "conda-meta").symlink_to("nowhere")
        assert str(tmp_path / "conda-meta") in reason(tmp_path)

    def test_more_than_a_record_may_have(self, prefix: Path) -> None:
        path = prefix / "conda-meta" / "tool-1.0-0.json"
        with path.open("ab") as stream:
            stream.truncate(MAX_RECORD + 1)
        assert f"more than {MAX_RECORD} bytes" in reason(prefix)

    @pytest.mark.parametrize("kind", ["pipe", "folder", "bytes", "hole"])
    def test_a_virtual_environment_that_does_not_say_from_what(self, tmp_path: Path, kind: str) -> None:
        path = tmp_path / "pyvenv.cfg"
        if kind == "pipe":
            os.mkfifo(path)
        elif kind == "folder":
            path.mkdir()
        else:
            path.write_bytes(b"home = \xff\n")
            if kind == "hole":
                os.truncate(path, 1 << 40)
        assert str(path) in reason(tmp_path)


class TestLayouts:
    """The lists of files are passed over where the layout allows: that must never change what is read."""

    @settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        before=st.dictionaries(st.sampled_from(["files", "paths_data", "paths", "x"]), VALUES),
        after=st.dictionaries(st.sampled_from(["files2", "link", "paths", "y"]), VALUES),
        files=st.lists(TEXTS, max_size=4),
        indent=st.sampled_from([None, 0, 1, 2, 4, "\t"]),
        ascii_only=st.booleans(),
    )
    def test_what_is_read_is_what_json_says(
        self, prefix: Path, before: dict[str, Any], after: dict[str, Any], files: list[str], indent: int | str | None,
        ascii_only: bool,
    ) -> None:  # fmt: skip
        record = {
            **before, "name": "tool", "version": "1.0", "paths_data": {"paths": [{"_path": f} for f in files]},
            "files": files, "build": "]", "md5": '"files": [', **after, "sha256": "5", "subdir": "noarch",
        }  # fmt: skip
        text = json.dumps(record, indent=indent, ensure_ascii=ascii_only)
        (prefix / "conda-meta" / "tool-1.0-0.json").write_text(text, encoding="utf-8")
        expected = json.loads(text)
        (package,) = packages(prefix)
        assert package == {name: expected[name] for name in ("name", "version", "build", "subdir", "md5", "sha256")}

    @pytest.mark.parametrize(
        "text",
        [
            '{"files": [\n"]", "x"\n], "name": "a", "version": "1", "build": "0"}',
            '{\n  "files": [\n  ],\n  "name": "a", "version": "1", "build": "0"\n}',
            '{\n  "files": [\n    "x"\n  ], "name": "a",\n  "depends": [\n  ],\n  "version": "1", "build": "0"\n}',
            '{\n  "x": 1, "files": [\n    "x"\n  ], "name": "a", "version": "1", "build": "0"\n}',
            '{\n  "files": [],\n  "name": "a",\n  "depends": [\n    "x"\n  ],\n  "version": "1", "build": "0"\n}',
            '{\n  "x": {"files": [\n    "y"\n  ]},\n  "name": "a", "version": "1", "build": "0"\n}',
            '{\r\n  "files": [\r\n    "y"\r\n  ],\r\n  "name": "a", "version": "1", "build": "0"\r\n}',
            '{\n  "files": [\n    [\n  ],\n    "name"\n  ],\n  "name": "a", "version": "1", "build": "0"\n}',
        ],
    )
    def test_odd_layouts(self, prefix: Path, text: str) -> None:
        assert json.loads(text)["name"] == "a"
        (prefix / "conda-meta" / "tool-1.0-0.json").write_text(text)
        assert packages(prefix) == [{"name": "a", "version": "1", "build": "0"}]

    def test_two_records_of_one_name_are_both_told(self, prefix: Path) -> None:
        (prefix / "conda-meta" / "tool-1.1-0.json").write_text(json.dumps({**RECORD, "version": "1.1"}))
        assert [package["version"] for package in packages(prefix)] == ["1.0", "1.1"]


def test_a_file_at_the_limit_is_read(prefix: Path) -> None:
    text = json.dumps(RECORD)
    (prefix / "conda-meta" / "tool-1.0-0.json").write_text(text + " " * (MAX_RECORD - len(text)))
    assert [package["name"] for package in packages(prefix)] == ["tool"]


def test_without_a_subdirectory_the_channel_is_told_as_it_is(prefix: Path) -> None:
    record = {**RECORD, "url": "https://host/x/tool.conda", "channel": "https://host/x/"}
    (prefix / "conda-meta" / "tool-1.0-0.json").write_text(json.dumps(record))
    assert packages(prefix)[0]["channel"] == "https://host/x"
