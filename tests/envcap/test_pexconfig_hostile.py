# SPDX-License-Identifier: Apache-2.0
"""Texts that are no pex_config dump are refused, and what they would do is not done."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

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
        "config.x = {**{'a': 1}}",
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
