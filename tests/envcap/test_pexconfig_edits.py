# SPDX-License-Identifier: Apache-2.0
"""A configuration that was read is changed, field by field or a subtask at once, and still loads."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from envcap.pexconfig import ParsedConfig, parse_config

BEFORE = parse_config(
    "import a\nassert type(config) is a.C\nconfig.detect.threshold = 5.0\nconfig.detector = 1\nconfig.size = 3\n"
)
RETARGETED = parse_config(
    "import a\nimport b.other\nassert type(config) is a.C\n"
    "config.detect.retarget(target=b.other.Task, ConfigClass=b.other.Config)\nconfig.detect.depth = 7\n"
    "config.detect.deblend.retarget(target=b.Fast)\nconfig.detect.deblend.n = 2\nconfig.detector = 2\nconfig.size = 4\n"
)


class TestWithField:
    """One field."""

    def test_another_value(self) -> None:
        made = BEFORE.with_field("size", "4")
        assert made.fields == {**BEFORE.fields, "size": "4"}
        assert made.text == BEFORE.text.replace("config.size = 3", "config.size = 4")
        assert BEFORE.fields["size"] == "3"

    def test_a_new_one(self) -> None:
        made = BEFORE.with_field("models['psf'].size", "'a'")
        assert made.text == BEFORE.text + "config.models['psf'].size = 'a'\n"
        assert parse_config(made.text).fields == {**BEFORE.fields, "models['psf'].size": "'a'"}

    def test_one_that_goes(self) -> None:
        made = BEFORE.with_field("size", None)
        assert made.text == BEFORE.text.replace("config.size = 3\n", "")
        assert "size" not in made.fields

    def test_one_that_is_not_there_can_go(self) -> None:
        made = BEFORE.with_field("nothing", None)
        assert (made.text, made.fields) == (BEFORE.text, BEFORE.fields)

    def test_the_class_stays(self) -> None:
        assert BEFORE.with_field("size", "4").config_class == "a.C"

    def test_a_value_of_none_is_a_value(self) -> None:
        assert BEFORE.with_field("size", "None").fields["size"] == "None"


class TestWithSubtask:
    """A subtask with all that is below it."""

    def test_its_class_and_what_is_below_come_from_the_other(self) -> None:
        made = BEFORE.with_subtask("detect", RETARGETED)
        assert made.fields == {
            "detector": "1",
            "size": "3",
            "detect.<target>": "b.other.Task",
            "detect.depth": "7",
            "detect.deblend.<target>": "b.Fast",
            "detect.deblend.n": "2",
        }
        assert made.config_class == "a.C"

    def test_modules_are_imported_before_they_are_named(self) -> None:
        lines = BEFORE.with_subtask("detect", RETARGETED).text.splitlines()
        retargeted = next(number for number, line in enumerate(lines) if "b.other.Task" in line)
        assert lines.index("import b.other") < retargeted
        assert lines.count("import a") == 1
        assert retargeted < lines.index("config.detect.depth = 7")

    def test_back_again(self) -> None:
        made = RETARGETED.with_subtask("detect", BEFORE)
        assert "retarget" not in made.text
        assert made.fields == {"detect.threshold": "5.0", "detector": "2", "size": "4"}

    def test_there_and_back_is_what_it_was(self) -> None:
        assert BEFORE.with_subtask("detect", RETARGETED).with_subtask("detect", BEFORE).fields == BEFORE.fields

    def test_a_nested_one_leaves_the_outer_alone(self) -> None:
        other = parse_config("import c\nconfig.detect.deblend.retarget(target=c.Slow)\nconfig.detect.depth = 9\n")
        made = RETARGETED.with_subtask("detect.deblend", other)
        assert made.fields["detect.depth"] == "7"
        assert made.fields["detect.<target>"] == "b.other.Task"
        assert made.fields["detect.deblend.<target>"] == "c.Slow"
        assert "detect.deblend.n" not in made.fields
        assert made.text.index("b.other.Task") < made.text.index("c.Slow")

    def test_one_whose_name_begins_alike_is_another(self) -> None:
        assert BEFORE.with_subtask("detect", RETARGETED).fields["detector"] == "1"

    def test_an_element_comes_with_what_makes_it(self) -> None:
        other = parse_config("import z\nconfig.rings['s'] = z.Ring()\nconfig.rings['s'].radius = 2\n")
        made = BEFORE.with_subtask("rings['s']", other)
        assert made.fields == {**BEFORE.fields, "rings['s']": "z.Ring()", "rings['s'].radius": "2"}
        assert made.text.splitlines()[0] == "import z"
        assert made.with_subtask("rings['s']", BEFORE).fields == BEFORE.fields


NAMES = st.sampled_from(["task", "task2", "tas", "inner"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map(".".join)
LINES = st.one_of(
    st.tuples(PATHS, st.integers(0, 9)).map(lambda one: f"config.{one[0]}.field = {one[1]}\n"),
    st.tuples(PATHS, st.sampled_from(["a.T", "b.c.T"])).map(
        lambda one: f"import {one[1].rpartition('.')[0]}\nconfig.{one[0]}.retarget(target={one[1]})\n"
    ),
)
CONFIGS = st.lists(LINES, max_size=8).map(lambda lines: parse_config("".join(dict.fromkeys(lines))))


@settings(deadline=None, database=None)
@given(CONFIGS, CONFIGS, PATHS)
def test_a_subtask_is_the_others_and_all_else_is_as_it_was(a: ParsedConfig, b: ParsedConfig, path: str) -> None:
    below = f"{path}."
    expected = {name: value for name, value in a.fields.items() if not name.startswith(below)}
    expected |= {name: value for name, value in b.fields.items() if name.startswith(below)}
    made = a.with_subtask(path, b)
    assert made.fields == expected
    assert parse_config(made.text).fields == expected


@settings(deadline=None, database=None)
@given(CONFIGS, PATHS.map(lambda path: f"{path}.field"), st.one_of(st.none(), st.integers().map(str)))
def test_a_field_is_what_it_was_made_and_all_else_is_as_it_was(a: ParsedConfig, path: str, literal: str | None) -> None:
    expected = {name: value for name, value in a.fields.items() if name != path}
    if literal is not None:
        expected[path] = literal
    made = a.with_field(path, literal)
    assert made.fields == expected
    assert parse_config(made.text).fields == expected
