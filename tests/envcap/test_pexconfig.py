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

from envcap.pexconfig import ConfigRefusedError, parse_config

# Each of these, executed, makes the file MARK; the control below proves it.
OPEN = "open(MARK, 'w')"
EXECUTING = [
    "OPEN",
    "config.x = OPEN",
    "config.x = [OPEN]",
    "config.x = (OPEN,)",
    "config.x = {'a': OPEN}",
    "config.x = {OPEN: 1}",
    "config.x = {OPEN}",
    "config.x = {**{'a': OPEN}}",
    "config.x = [*OPEN]",
    "config.x = -OPEN.fileno()",
    "config.x = not OPEN",
    "config.x = OPEN or 1",
    "config.x = 1 if OPEN else 2",
    "config.x = 1 + OPEN.fileno()",
    "config.x = 1 < OPEN.fileno()",
    "config.x = '%s' % OPEN.name",
    "config.x = [OPEN for _ in (1,)]",
    "config.x = list(OPEN for _ in (1,))",
    "config.x = (lambda: OPEN)()",
    "config.x = f'''{OPEN}'''",
    "config.x = (y := OPEN)",
    "config.x = ''.__class__(OPEN)",
    "config.x = float(OPEN.name)",
    "config.x = float('nan', OPEN)",
    "config.x = y = OPEN",
    "config.x, config.y = OPEN, 1",
    "config.x += OPEN.fileno()",
    "config[OPEN.name] = 1",
    "config.x[OPEN.name].y = 1",
    "config.x['a'] = config.y.Make(OPEN)",
    "config.x['a'] = config.y.Make(k=OPEN)",
    "config.x['a'] = config.y[OPEN.name].Make()",
    "config.x['a'] = config.y(OPEN).Make()",
    "config.x.retarget(OPEN)",
    "config.x.retarget(target=OPEN)",
    "config.x.retarget(target=config, evil=OPEN)",
    "config.x.retarget(**OPEN)",
    "config.x.setDefaults(OPEN)",
    "config.x(OPEN).retarget(target=config)",
    "assert OPEN",
    "assert type(config) is OPEN",
    "assert type(OPEN) is config",
    "config.x = 1; OPEN",
    "config.x = 1\n\x0cOPEN",
    "\uff4f\uff50\uff45\uff4e(MARK, 'w')",
    "__import__('os').mkdir(MARK)",
    "import os; os.mkdir(MARK)",
    "import os as config; config.mkdir(MARK)",
    "from os import mkdir; mkdir(MARK)",
    'exec("OPEN")',
    "if OPEN: config.x = 1",
    "for config.x in OPEN: pass",
    "while OPEN: break",
    "with OPEN as config.x: pass",
    "def f(a=OPEN): pass",
    "class C(metaclass=lambda *a: OPEN): pass",
    "@OPEN.writelines\ndef f(): pass",
    "try:\n    raise KeyError\nexcept KeyError:\n    OPEN",
    "match OPEN:\n    case _: pass",
    "del config.x[OPEN.name]",
    "raise KeyError(OPEN)",
]


def armed(text: str, mark: Path) -> str:
    """Return a hostile text that makes a certain file."""
    return text.replace("OPEN", OPEN).replace("MARK", repr(str(mark)))


CONTROL = """
import json, sys
class Anything:
    def __getattr__(self, name): return Anything()
    def __setattr__(self, name, value): pass
    def __getitem__(self, key): return Anything()
    def __setitem__(self, key, value): pass
    def __delitem__(self, key): pass
    def __call__(self, *args, **others): return Anything()
    def __iadd__(self, other): return self
for text in json.load(sys.stdin):
    try: exec(text, {"config": Anything()})
    except Exception: pass
"""


def test_executed_each_hostile_text_does_its_harm(tmp_path: Path) -> None:
    marks = [tmp_path / f"mark{i}" for i in range(len(EXECUTING))]
    texts = [armed(text, mark) for text, mark in zip(EXECUTING, marks, strict=True)]
    subprocess.run([sys.executable, "-c", CONTROL], input=json.dumps(texts), text=True, check=True)
    assert [text for text, mark in zip(EXECUTING, marks, strict=True) if not mark.exists()] == []
    assert len(EXECUTING) > 50


@pytest.mark.parametrize("text", EXECUTING)
def test_hostile_texts_are_refused_and_not_executed(text: str, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    with pytest.raises(ConfigRefusedError, match="the configuration"):
        parse_config("import a.b\nconfig.good = 1\n" + armed(text, mark))
    assert not mark.exists()


@pytest.mark.parametrize(
    "text",
    [
        "config = 1",
        "config",
        "config.x",
        "x.y = 1",
        "other.config.x = 1",
        "config.__class__ = 1",
        "config.x.__dict__['y'] = 1",
        "config.x.__init__.y = 1",
        "config['a':'b'] = 1",
        "config[1, 2] = 1",
        "config[-1] = 1",
        "config.x: int = 1",
        "config.x = ...",
        "config.x = 1j",
        "config.x = name",
        "config.x = a.b",
        "config.x = -'a'",
        "config.x = --1",
        "config.x = +1",
        "config.x = ~1",
        "config.x = set()",
        "config.x = float('1.5')",
        "config.x = float('nan' 'x')",
        "config.x = float(1)",
        "config.x = a.B()",
        "config.x['a'] = B()",
        "config.x['a'] = a.make()",
        "config.x['a'] = a.__B__()",
        "config.retarget(target=a.B)",
        "config.x.retarget()",
        "config.x.retarget(ConfigClass=a.B)",
        "config.x.retarget(target=a.B, target2=a.C)",
        "config.x.retarget(target=a['b'])",
        "config.x.retarget(target=a.__b__)",
        "config.x.retarget(a.B)",
        "config.x.other(target=a.B)",
        "import a, b",
        "import a as b",
        "from a import b",
        "from . import b",
        "assert True",
        "assert type(config)",
        "assert type(config) is not a.B",
        "assert type(other) is a.B",
        "'a docstring'",
        "pass",
        "nonsense nonsense",
        "config.x = 'never closed",
        "config.x = 1\0",
        "config.x = " + "[" * 100_000,
        "config.x = " + "-" * 5000 + "1",
        "config.x = " + "[" * 90 + "]" * 90 + "()",
        "config.x = 1" + "0" * 5000,
        "config" + ".a" * 50_000 + "()",
        "#" * ((1 << 24) + 1),
    ],
    ids=lambda text: text[:40],
)
def test_what_is_no_field_assignment_is_refused(text: str) -> None:
    with pytest.raises(ConfigRefusedError):
        parse_config(text)


@pytest.mark.parametrize("text", ["config.x = 0x" + "f" * 5000, "config.x = f(0x" + "f" * 5000 + ")"])
def test_an_integer_too_long_to_print_is_refused(text: str) -> None:
    with pytest.raises(ConfigRefusedError):
        parse_config(text)


def test_a_number_negated_twice_is_refused() -> None:
    with pytest.raises(ConfigRefusedError):
        parse_config("config.x = -float('-inf')")


def test_the_refusal_names_the_line() -> None:
    with pytest.raises(ConfigRefusedError, match=r"\(line 3\): 'evil\(\)'"):
        parse_config("import a\n\nevil()\n")


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
