# SPDX-License-Identifier: Apache-2.0
"""Every canary is scrubbed from any text that it stands in, and nothing else is."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable

import pytest

from envcap.redact import scrub, scrub_argv
from envcap.secret_shapes import SHAPES, Shape
from tests.secrets.canaries import BY_NAME, COMMANDS, SAFE, SAFE_COMMANDS, Canary
from tests.secrets.searching import Finder

_CARRIERS: dict[str, Callable[[str], str]] = {
    "as_it_is": lambda text: text,
    "in_a_patch": lambda text: "".join(f"+{line}\n" for line in text.splitlines()),
    "in_a_python_literal": lambda text: f"config.note={text!r}\nconfig.seed=3\n",
    "in_a_json_document": lambda text: json.dumps({"seed": 3, "note": text}, indent=1),
}
"""What a canary's text may stand in when it is scrubbed."""

_BEFORE = "2026-11-23T06:00:00Z ERROR can't go on: "
_AFTER = "\nfor the third time"


def _left(canary: Canary, text: str) -> bool:
    """Whether eight characters in a row are left of a secret."""
    return bool(Finder([canary], window=8).names(text))


@pytest.mark.parametrize("carrier", _CARRIERS)
@pytest.mark.parametrize("name", BY_NAME)
def test_a_secret_is_taken_out(name: str, carrier: str) -> None:
    text = _CARRIERS[carrier](BY_NAME[name].text)
    assert _left(BY_NAME[name], text), "the text should hold the secret before"
    clean = scrub(text)
    assert not _left(BY_NAME[name], clean), clean
    assert "<scrubbed:" in clean
    assert scrub(clean) == clean, "a second time, it should find nothing"


@pytest.mark.parametrize(
    "name", [name for name in BY_NAME if name != "key_cut_off"]
)  # who knows where a key without an end ends
def test_what_stands_around_a_secret_stays(name: str) -> None:
    clean = scrub(_BEFORE + BY_NAME[name].text + _AFTER)
    assert clean.startswith(_BEFORE)
    assert clean.endswith(_AFTER)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.kind)
def test_what_matches_is_told_apart_from_what_cannot(shape: Shape) -> None:
    for name, canary in BY_NAME.items():
        for found in re.finditer(shape.pattern, canary.text):
            assert shape.can_match(found[0].lower()), name


@pytest.mark.parametrize("name", SAFE)
def test_an_innocent_text_stays(name: str) -> None:
    assert scrub(SAFE[name]) == SAFE[name]


@pytest.mark.parametrize("canary", COMMANDS, ids=lambda canary: canary.name)
def test_a_secret_on_a_command_line_is_taken_out(canary: Canary) -> None:
    words = shlex.split(canary.text)
    clean = scrub_argv(words)
    assert len(clean) == len(words)
    assert not _left(canary, "\n".join(clean)), clean
    assert any("<scrubbed:" in word for word in clean)


@pytest.mark.parametrize("name", BY_NAME)
def test_a_secret_within_an_argument_is_taken_out(name: str) -> None:
    text = BY_NAME[name].text
    clean = scrub_argv(["reduce", "--note", text, f"--remark={text}", "raw.fits"])
    assert not _left(BY_NAME[name], "\n".join(clean)), clean
    assert (clean[0], clean[-1]) == ("reduce", "raw.fits")


@pytest.mark.parametrize("name", SAFE_COMMANDS)
def test_an_innocent_command_line_stays(name: str) -> None:
    words = shlex.split(SAFE_COMMANDS[name])
    assert scrub_argv(words) == words


def test_the_canaries_are_many_and_each_is_found_in_its_own_text() -> None:
    assert len(BY_NAME) >= 220
    assert len({canary.secret for canary in BY_NAME.values()}) == len(BY_NAME)
    assert len(SAFE) >= 60
    finder = Finder(BY_NAME.values())
    for canary in BY_NAME.values():
        assert finder.names(canary.text) == {canary.name}
