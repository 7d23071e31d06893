# SPDX-License-Identifier: Apache-2.0
"""The changes of a configuration: each field, subtask and element by itself, in any combination."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from envcap.pexconfig import parse_config
from replay.explain.changes.configuration import config_changes
from tests.envcap.test_pexconfig import ZOO


def _changes(a: str, b: str) -> list[tuple[str, str, str]]:
    found = config_changes(parse_config(a), parse_config(b))
    return [(change.name, change.before, change.after) for change in found]


CASES = {
    "equal": ("config.a = 1\n", "config.a = 1\n", []),
    "changed": ("config.a = 1\n", "config.a = 2\n", [("a", "1", "2")]),
    "new": ("config.a = 1\n", "config.a = 1\nconfig.b = ()\n", [("b", "—", "()")]),
    "gone": ("config.a = 1\nconfig.b = 0\n", "config.a = 1\n", [("b", "0", "—")]),
    "order of lines": ("config.a = 1\nconfig.b = 2\n", "config.b = 2\nconfig.a = 1\n", []),
    "retargeted": (
        "config.t.x = 1\n",
        "config.t.retarget(target=a.T)\nconfig.t.y = 1\nconfig.tt = 0\n",
        [("t", "—", "a.T"), ("tt", "—", "0")],
    ),
    "same target": (
        "config.t.retarget(target=a.T)\nconfig.t.y = 1\n",
        "config.t.retarget(target=a.T)\nconfig.t.y = 2\n",
        [("t.y", "1", "2")],
    ),
    "inner of a retargeted one": (
        "config.t.retarget(target=a.T)\nconfig.t.u.retarget(target=a.U)\n",
        "config.t.retarget(target=b.T)\nconfig.t.u.retarget(target=b.U)\n",
        [("t", "a.T", "b.T")],
    ),
    "inner only": (
        "config.t.x = 1\nconfig.t.u.retarget(target=a.U)\nconfig.t.u.z = 1\n",
        "config.t.x = 2\nconfig.t.u.retarget(target=b.U)\n",
        [("t.u", "a.U", "b.U"), ("t.x", "1", "2")],
    ),
    "element": (
        "config.d['k'] = a.E()\nconfig.d['k'].x = 1\nconfig.d['l'] = a.E()\n",
        "config.d['l'] = a.E()\nconfig.d['m'] = a.E()\n",
        [("d['k']", "a.E()", "—"), ("d['m']", "—", "a.E()")],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_exactly_what_differs_is_a_change(case: str) -> None:
    a, b, expected = CASES[case]
    assert _changes(a, b) == expected


@pytest.mark.parametrize("case", CASES)
def test_all_changes_make_the_second(case: str) -> None:
    a, b, _ = CASES[case]
    draft: Any = SimpleNamespace(config=parse_config(a))
    for change in config_changes(parse_config(a), parse_config(b)):
        change.apply(draft)
    assert draft.config.fields == parse_config(b).fields
    assert parse_config(draft.config.text).fields == parse_config(b).fields


CHANGES = [
    "config.task.retarget(zoo.Other)\nconfig.task.depth = 7\n",
    'config.apertures["small"] = zoo.Aperture()\nconfig.apertures["small"].radius = 2.0\n',
    'config.model.name = "other"\nconfig.model["other"].depth = 9\n',
    'config.words = ["a", "b"]\nconfig.nothing = "x"\n',
]
NAMES = ["task", "apertures['small']", "model.name", "model['other'].depth", "nothing", "words"]
PROGRAM = """
import itertools, json, sys, zoo
from types import SimpleNamespace
from envcap.pexconfig import parse_config
from replay.explain.changes.configuration import config_changes

def dumped(text):
    config = zoo.Zoo()
    exec(text)
    return config.saveToString()

a, b = (dumped(text) for text in json.loads(sys.argv[1]))
before, after = parse_config(a), parse_config(b)
found = list(config_changes(before, after))
print([change.name for change in found])
for size in range(len(found) + 1):
    for some in itertools.combinations(found, size):
        draft = SimpleNamespace(config=before)
        for change in some:
            change.apply(draft)
        made = draft.config
        config = zoo.Zoo()
        config.loadFromString(made.text)
        told = config.saveToString()
        assert (told == a) == (not some), told
        assert (told == b) == (size == len(found)), told
"""


@pytest.mark.parametrize("there", [True, False])
def test_any_part_of_the_changes_of_a_real_configuration_loads(there: bool, tmp_path: Path) -> None:
    """With none it is the first, with all the second, and nothing between is either."""
    (tmp_path / "zoo.py").write_text(ZOO)
    texts = ["", "".join(CHANGES)]
    words = [sys.executable, "-c", PROGRAM, json.dumps(texts if there else texts[::-1])]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(NAMES)
