# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from replay.comparators.base import ComparisonError
from replay.comparators.json_yaml import JsonComparator, YamlComparator
from replay.comparators.policy import Policy, Verdict

TAMPERS = {
    "extra key": ('{"a": 1, "x": 2}', '{"a": 1, "x": 2, "y": 3}', "$.y: key 'y' is only in the re-made file"),
    "list order": ("[1, 2]", "[2, 1]", "$: the same 2 items in another order"),
    "1 or 1.0": ('{"a": 1}', '{"a": 1.0}', "$.a: integer 1 → float 1.0"),
    "1 or true": ('{"a": 1}', '{"a": true}', "$.a: integer 1 → boolean True"),
    "null or absent": ('{"a": null}', "{}", "$.a: key 'a' is missing in the re-made file"),
    "sign of zero": ("[0.0]", "[-0.0]", "$[0]: 0.0 → -0.0"),
    "large integer": ("[9007199254740993]", "[9007199254740992]", "$[0]: 9007199254740993 → 9007199254740992"),
}


def files(folder: Path, suffix: str, a: str | bytes, b: str | bytes) -> tuple[Path, Path]:
    paths = folder / f"a.{suffix}", folder / f"b.{suffix}"
    for path, content in zip(paths, (a, b), strict=True):
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return paths


@pytest.mark.parametrize("suffix", ["json", "yaml"])
@pytest.mark.parametrize("case", TAMPERS)
def test_tampered_documents(tmp_path: Path, judge: Any, case: str, suffix: str) -> None:
    a, b, expected = TAMPERS[case]
    verdict, lines = judge(*files(tmp_path, suffix, a, b))
    assert verdict is Verdict.DIFFERENT
    assert len(lines) == 1
    assert lines[0].startswith(expected)


@pytest.mark.parametrize("suffix", ["json", "yaml"])
def test_layout_and_order_of_keys_are_storage(tmp_path: Path, judge: Any, suffix: str) -> None:
    assert judge(*files(tmp_path, suffix, '{"a": 1, "b": [1.0]}', '{\n "b": [1.00],\n "a": 1}')) == (Verdict.EQUAL, [])


def test_numbers_within_a_tolerance(tmp_path: Path, judge: Any) -> None:
    pair = files(tmp_path, "json", '{"a": 1.0}', '{"a": 1.000001}')
    assert judge(*pair, Policy(rtol="1e-5")) == (Verdict.EQUIVALENT, [])
    assert judge(*pair, Policy(rtol="1e-7"))[0] is Verdict.DIFFERENT


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "Expecting value"),
        (b'{"a": ', "Expecting value"),
        (b'{"a": 1, "a": 2}', "key 'a' is repeated in one object"),
        (b"\xff\xfe", "codec can't decode"),
        (b"[" * 100_000, "nested too deeply"),
        (b"1" * 5000, "digits"),
    ],
)
def test_bad_json(tmp_path: Path, content: bytes, reason: str) -> None:
    good, bad = files(tmp_path, "json", "{}", content)
    with pytest.raises(ComparisonError, match=reason) as caught:
        JsonComparator().compare(good, bad)
    assert caught.value.path == bad
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"a: [", b"\t- x", b"a: *b", b"\x00", b"? {a: 1}\n: 2", b"[" * 20_000])
def test_bad_yaml(tmp_path: Path, content: bytes) -> None:
    good, bad = files(tmp_path, "yaml", "{}", content)
    with pytest.raises(ComparisonError) as caught:
        YamlComparator().compare(good, bad)
    assert caught.value.path == bad
    assert "\n" not in str(caught.value)


def test_tags_are_kept_and_nothing_runs(tmp_path: Path, judge: Any, capsys: pytest.CaptureFixture[str]) -> None:
    tagged = "x: !!python/object/apply:builtins.print [{}]\ny: !<lsst.Packages> {{a: 1}}\nz: !text q\n"
    verdict, lines = judge(*files(tmp_path, "yaml", tagged.format("run"), tagged.format("ran")))
    assert (verdict, lines) == (Verdict.DIFFERENT, ["$.x[0]: 'run' → 'ran'"])
    _, lines = judge(*files(tmp_path, "yaml", "x: !a {k: 1}", "x: !b {k: 1}"))
    assert lines == ["$.x: tag !a → !b"]
    assert capsys.readouterr().out == ""


def test_several_documents(tmp_path: Path, judge: Any) -> None:
    _, lines = judge(*files(tmp_path, "yaml", "a: 1\n---\nb: 1\n", "a: 1\n---\nb: 2\n"))
    assert lines == ["$[1].b: 1 → 2"]
    _, lines = judge(*files(tmp_path, "yaml", "a: 1\n", "a: 1\n---\nb: 2\n"))
    assert lines == ["$[1]: item is only in the re-made file: {'b': 2}"]


def test_an_empty_yaml_file_has_no_document(tmp_path: Path) -> None:
    assert YamlComparator().compare(*files(tmp_path, "yaml", "", "# nothing\n")) == ()
    assert YamlComparator().compare(*files(tmp_path, "yaml", "", "null")) != ()
