# SPDX-License-Identifier: Apache-2.0
"""pex_config dumps are read without being executed, and written anew from what was read."""

from __future__ import annotations

import ast
import json
import math
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envcap.pexconfig import parse_config


class TestForms:
    """The forms that a dump has."""

    def test_a_dump_is_read(self) -> None:
        parsed = parse_config(
            "import a.b\n"
            "import a.b.c\n"
            "assert type(config) is a.b.Config, 'config is of type %s instead' % (type(config).__name__)\n"
            "# Threshold.\n# \tValid Range = [0,inf)\n"
            "config.threshold=5.0\n"
            "config.detect.names=['a', \"b'c\"]\n"
            "config.models['psf'].size=-3\n"
            "config.map={'x': None, 'y': True}\n"
            "config.shape=(1, (2,), ())\n"
        )
        assert parsed.config_class == "a.b.Config"
        assert parsed.fields == {
            "threshold": "5.0",
            "detect.names": "['a', \"b'c\"]",
            "models['psf'].size": "-3",
            "map": "{'x': None, 'y': True}",
            "shape": "(1, (2, ), (), )",
        }
        assert parsed.text == (
            "import a.b\nimport a.b.c\nassert type(config) is a.b.Config\nconfig.threshold = 5.0\n"
            "config.detect.names = ['a', \"b'c\"]\nconfig.models['psf'].size = -3\n"
            "config.map = {'x': None, 'y': True}\nconfig.shape = (1, (2, ), (), )\n"
        )

    def test_reading_again_changes_nothing(self) -> None:
        text = parse_config(
            "import a\nassert type(config) == a.C\nconfig.x.retarget(target=a.T, ConfigClass=a.C)\n"
            "config['a'] = {float('inf'), -inf}\nconfig.d['k'] = a.E()\nconfig[1].y = b'\\x00'\n"
        ).text
        assert parse_config(text).text == text

    def test_the_message_of_the_assertion_is_dropped(self, tmp_path: Path) -> None:
        mark = tmp_path / "mark"
        parsed = parse_config(f"assert type(config) is a.B, open({str(mark)!r}, 'w')")
        assert parsed.text == "assert type(config) is a.B\n"
        assert not mark.exists()

    def test_retarget(self) -> None:
        parsed = parse_config("config.isr.retarget(target=a.b.Task, ConfigClass=a.b.TaskConfig)")
        assert parsed.fields == {"isr.<target>": "a.b.Task"}
        assert parsed.text == "config.isr.retarget(target=a.b.Task, ConfigClass=a.b.TaskConfig)\n"

    def test_an_element_of_a_config_dict(self) -> None:
        parsed = parse_config("config.apertures['small'] = a.b.Aperture()\nconfig.apertures['small'].radius = 3\n")
        assert parsed.fields == {"apertures['small']": "a.b.Aperture()", "apertures['small'].radius": "3"}

    @pytest.mark.parametrize("word", ["inf", "-inf", "nan", "float('inf')", "float('-inf')", "-float('inf')",
                                      "float('nan')", "float('Infinity')"])  # fmt: skip
    def test_numbers_that_are_not_finite_read_back(self, word: str) -> None:
        literal = parse_config(f"config.x = [{word}]").fields["x"]
        expected = eval(word, {"inf": math.inf, "nan": math.nan, "float": float})
        (found,) = eval(literal, {"__builtins__": {}, "float": float})
        assert repr(found) == repr(expected)

    def test_a_number_that_overflows_reads_back(self) -> None:
        assert parse_config("config.x = 1e999").fields["x"] == "float('inf')"


NUMBERS = st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False))
SCALARS = st.one_of(st.none(), st.booleans(), NUMBERS, st.text(), st.binary())
LITERALS = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner), st.lists(inner).map(tuple), st.dictionaries(SCALARS, inner)),
)


@settings(deadline=None, database=None)
@given(LITERALS)
def test_any_literal_keeps_its_value_and_its_type(value: object) -> None:
    parsed = parse_config(f"config.x = {value!r}")
    assert repr(ast.literal_eval(parsed.fields["x"])) == repr(value)
    assert parse_config(parsed.text).fields == parsed.fields


@settings(deadline=None, database=None)
@given(st.sets(NUMBERS, min_size=1))
def test_a_set_has_one_text(value: set[float]) -> None:
    literal = parse_config(f"config.x = {value!r}").fields["x"]
    backwards = ", ".join(repr(item) for item in reversed(list(value)))
    assert ast.literal_eval(literal) == value
    assert parse_config(f"config.x = {{{backwards}}}").fields["x"] == literal


ZOO = '''
"""A configuration with a field of every kind."""
from lsst.pex.config import (ChoiceField, Config, ConfigChoiceField, ConfigDictField, ConfigField, ConfigurableField,
                             DictField, Field, ListField, RangeField, makeRegistry)

class Aperture(Config):
    radius = Field(dtype=float, doc="x", default=1.0)

class TaskConfig(Config):
    gain = Field(dtype=float, doc="x", default=1.0)

class OtherConfig(Config):
    depth = Field(dtype=int, doc="x", default=1)

class Task:
    ConfigClass = TaskConfig
    _DefaultName = "task"

class Other:
    ConfigClass = OtherConfig
    _DefaultName = "other"

models = makeRegistry("models")
models.register("task", Task)
models.register("other", Other)

class Zoo(Config):
    text = Field(dtype=str, doc="x", default="a")
    nothing = Field(dtype=str, doc="x", default=None, optional=True)
    number = Field(dtype=float, doc="x", default=0.0)
    ranged = RangeField(dtype=float, doc="x", default=1.0, min=0.0)
    choice = ChoiceField(dtype=str, doc="x", default="x", allowed={"x": "x", "y": "y"})
    words = ListField(dtype=str, doc="x", default=[])
    table = DictField(keytype=str, itemtype=float, doc="x", default={})
    numbered = DictField(keytype=int, itemtype=str, doc="x", default={})
    inner = ConfigField(dtype=Aperture, doc="x")
    apertures = ConfigDictField(keytype=str, itemtype=Aperture, doc="x", default={})
    task = ConfigurableField(target=Task, doc="x")
    model = models.makeField(doc="x", default="task")
'''

FILL = """
config.text = "it's \\"odd\\"\\n\\t\\u00e9 \\U0001f600 # no comment"
config.number = float("{number}")
config.ranged = 1e-300
config.choice = "y"
config.words = ["a", "", "b'c"]
config.table = {"x": float("inf"), "y": -0.0}
config.numbered = {1: "one"}
config.inner.radius = 3
config.apertures["small"] = zoo.Aperture()
config.apertures["small"].radius = 0.1 + 0.2
config.task.retarget(zoo.Other)
config.task.depth = 7
config.model.name = "other"
config.model["other"].depth = 9
"""


@pytest.mark.parametrize("number", ["inf", "-inf", "nan", "0.1"])
def test_a_real_configuration_survives(number: str, tmp_path: Path) -> None:
    """Dump with pex_config, regenerate, load with pex_config, dump: the same. In a process of its own."""
    (tmp_path / "zoo.py").write_text(ZOO)
    code = (
        "import json, sys, zoo\nconfig = zoo.Zoo()\n" + FILL.replace("{number}", number) + "from envcap.pexconfig "
        "import parse_config\ndump = config.saveToString()\nparsed = parse_config(dump)\nagain = zoo.Zoo()\n"
        "again.loadFromString(parsed.text)\nassert again.saveToString() == dump, parsed.text\n"
        "again.inner.radius = 4\nassert again.saveToString() != dump\n"
        "print(json.dumps(parsed.fields), parsed.config_class, sep='\\n')"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    fields, config_class = done.stdout.splitlines()
    assert config_class == "zoo.Zoo"
    found = json.loads(fields)
    assert found["task.<target>"] == "zoo.Other"
    assert found["apertures['small'].radius"] == "0.30000000000000004"
    assert found["numbered"] == "{1: 'one'}"
