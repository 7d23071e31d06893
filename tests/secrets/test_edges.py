# SPDX-License-Identifier: Apache-2.0
"""What is very long, and what is cut short before it is kept, holds no part of a secret either."""

from __future__ import annotations

import json
import sys

from envcap.collectors.rubin_quantum import keep_config
from envcap.redact import scrub
from envcap.store.keeper import Keeper
from tests.secrets.canaries import BY_NAME, CANARIES, Canary
from tests.secrets.conftest import Laboratory
from tests.secrets.searching import Finder

_SAID = 500
_SHOWN = 120
_BLOCK = 2048

_LONG = [c for c in CANARIES if c.secret in c.text and len(c.secret) >= 32 and len(c.text) < 400 and "\n" not in c.text]
"""Canaries of which half can be found, on one line."""

_SAYING = """
import json, sys
from envcap.hooks.startup import say
for line in json.load(open("said.json")):
    say(line)
sys.exit(3)
"""


def _cut(canary: Canary, before: str, length: int) -> str:
    """Return a line that, cut at a length, ends in the midst of a secret."""
    middle = len(before) + canary.text.index(canary.secret) + len(canary.secret) // 2
    return before + "so " * ((length - middle) // 3) + canary.text


def test_a_secret_across_any_block_of_a_long_text_is_taken_out(finder: Finder) -> None:
    text = ""
    for number, canary in enumerate(CANARIES, start=1):
        room = number * _BLOCK - len(text) - len(canary.text) // 2
        text += "x = 1\n" * (room // 6) + "\n" + canary.text + "\n"
    assert finder.names(text) == BY_NAME.keys()
    assert finder.names(scrub(text)) == set()


def test_what_hooks_say_is_scrubbed_before_it_is_cut(laboratory: Laboratory) -> None:
    lines = [_cut(canary, "degraded hook: ", _SAID) for canary in _LONG[:100]]
    cut = "\n".join(line[:_SAID] for line in lines)
    assert laboratory.finder.names(cut) == {canary.name for canary in _LONG[:100]}
    (laboratory.work / "said.json").write_text(json.dumps(lines))
    (laboratory.work / "job.py").write_text(_SAYING)
    laboratory.run("--", sys.executable, "job.py")
    result = laboratory.attempt().result
    assert result is not None
    assert len(result.degraded or ()) >= len(lines)
    laboratory.must_hold_no_secret()


def test_what_a_refused_configuration_shows_is_scrubbed_before_it_is_cut(laboratory: Laboratory) -> None:
    laboratory.store.create()
    keeper = Keeper(laboratory.store)
    for canary in _LONG:
        if "'" not in canary.text:
            text = _cut(canary, "config.note = made('", _SHOWN) + "')"
            keep_config(text + "\n", keeper.blob)
    assert keeper.failure is None
    laboratory.must_hold_no_secret()
