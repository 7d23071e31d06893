# SPDX-License-Identifier: Apache-2.0
"""What code mentions is read without running it."""

from __future__ import annotations

from pathlib import Path

import pytest

from replay.explain.code_reading import CodeReading, Mention, read_code


def _read(text: str, path: str = "job.py") -> CodeReading:
    return read_code([(path, text.encode())])


def test_names_and_texts_are_found_where_they_stand_first() -> None:
    found = _read('import os\nfirst = os.environ["SEED"]\nsecond = os.environ["SEED"]\n')
    assert found.texts["SEED"] == Mention("job.py:2", "'SEED'")
    assert found.names["environ"] == Mention("job.py:2", "environ")
    assert str(found.names["second"]) == "job.py:3 second"


def test_files_are_read_in_order_of_their_names() -> None:
    found = read_code([("b.py", b"x = a\n"), ("a.py", b"\n\nx = a\n")])
    assert found.names["a"].place == "a.py:3"


def test_the_first_name_that_is_mentioned_is_returned() -> None:
    found = _read("import time\nuse(time.ctime())\n")
    assert found.first(("nowhere", "ctime")) == Mention("job.py:2", "ctime")
    assert found.first(("nowhere",)) is None
    assert found.first(()) is None


def test_a_name_goes_before_a_text() -> None:
    assert _read("x = 'kernel'\ny = config.kernel\n").first(("kernel",)) == Mention("job.py:2", "kernel")


def test_a_comment_is_no_mention() -> None:
    assert _read("# SEED\n").first(("SEED",)) is None


@pytest.mark.parametrize(
    "call",
    [
        "np.random.default_rng()",
        "numpy.random.RandomState()",
        "default_rng()",
        "random.Random()",
        "random.random()",
        "np.random.normal(0, 1)",
        "random.shuffle(x)",
        "os.urandom(8)",
        "uuid.uuid4()",
        "secrets.token_hex()",
        "os.getpid()",
    ],
)
def test_chance_is_seen(call: str) -> None:
    found = _read(f"\nx = {call}\n")
    assert [one.place for one in found.chance] == ["job.py:2"]
    assert not found.clocks


@pytest.mark.parametrize(
    "call",
    [
        "np.random.default_rng(5)",
        "np.random.default_rng(seed=5)",
        "random.Random(5)",
        "rng.normal(0, 1)",
        "generator.choice(x)",
        "uuid.uuid5(a, b)",
        "config.choice()",
        "random.seed(3)",
    ],
)
def test_what_is_seeded_is_no_chance(call: str) -> None:
    found = _read(f"x = {call}\n")
    assert not found.chance
    assert not found.clocks


@pytest.mark.parametrize(
    "call",
    ["time.time()", "datetime.now()", "datetime.datetime.utcnow()", "date.today()", "Time.now()", "time.gmtime()"],
)
def test_clocks_are_seen(call: str) -> None:
    found = _read(f"x = {call}\n")
    assert [one.place for one in found.clocks] == ["job.py:1"]
    assert not found.chance


@pytest.mark.parametrize("call", ["exposure.time()", "self.now()", "time.sleep(1)", "today()", "task.time"])
def test_what_is_only_called_like_a_clock_is_none(call: str) -> None:
    assert not _read(f"x = {call}\n").clocks


def test_a_mention_tells_whose_it_is() -> None:
    found = _read("x = np.random.normal(0, 1)\ny = uuid4()\n")
    assert [str(one) for one in found.chance] == ["job.py:1 random.normal()", "job.py:2 uuid4()"]


@pytest.mark.parametrize(
    "data", [b"x = (\n", b"\xff\xfe", b"x = '\x00'\n", b"(" * 5000, b"-" * 200000 + b"1", b"x=1\n" * (1 << 19)]
)
def test_what_can_not_be_read_is_passed_over(data: bytes) -> None:
    found = read_code([("bad.py", data), ("good.py", b"x = os.getpid()\n")])
    assert [one.place for one in found.chance] == ["good.py:1"]


def test_other_files_are_not_read() -> None:
    assert not read_code([("notes.txt", b"x = os.getpid()\n")]).chance


def test_a_long_text_is_no_name_of_anything() -> None:
    assert not _read(f"x = {'a' * 300!r}\n").texts


def test_nothing_is_run(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    _read(f"open({str(mark)!r}, 'w')\n")
    assert not mark.exists()


def test_two_versions_of_a_file_are_read() -> None:
    found = read_code([("a.py", b"x = one\nos.getpid()\n"), ("a.py", b"x = two\nos.getpid()\n")])
    assert {"one", "two"} <= found.names.keys()
    assert [str(one) for one in found.chance] == ["a.py:2 os.getpid()"]


@pytest.mark.parametrize("code", ["kinds = {'a', 'b'}", "kinds = {one for one in 'ab'}", "kinds = set('ab')"])
def test_a_set_is_found_however_it_is_written(code: str) -> None:
    mention = read_code([("job.py", code.encode())]).first(["set"])
    assert mention is not None
    assert mention.place == "job.py:1"
    assert read_code([("job.py", b"kinds = {'a': 1}")]).first(["set"]) is None
