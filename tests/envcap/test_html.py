# SPDX-License-Identifier: Apache-2.0
"""What notebooks show: whatever a manifest holds, it is text."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import envcap
from envcap import html
from envcap.environment import Environment
from envcap.ids import timestamp, uuid7
from envcap.model.components import PythonBlock, RubinQuantum
from envcap.model.descriptor import Descriptor, describe
from envcap.model.document import Document
from envcap.model.manifest import Job, Manifest, Outcome
from envcap.store.index import Attempt, Index
from envcap.store.journal import Journal
from envcap.store.local import LocalStore
from envcap.store.state import this_process
from envcap.target import Target
from tests.shown import Shown, is_harmless, shown

EVIL = "<script>alert('x')</script><img src=//evil.example/x onerror=alert(1)>"
NOWHERE = Descriptor(mediaType=f"text/{EVIL}", digest=f"sha256:{'a' * 64}", size=3)
QUANTUM = RubinQuantum(
    task_class=EVIL, label=EVIL, data_id={EVIL: EVIL, '"x" style="': "'"}, inputs={EVIL: [EVIL]}, init_inputs={}
)
BLOCK = PythonBlock(name=EVIL, parameters={EVIL: EVIL}, opaque=[EVIL], config={EVIL: NOWHERE}, inputs={EVIL: EVIL})


@pytest.fixture
def hostile(store: LocalStore) -> Callable[[Document], Attempt]:
    """Give a function that writes a manifest which is hostile wherever it can be, and returns the attempt."""

    def write(work: Document) -> Attempt:
        environment = Environment(Target.none({}))
        environment.software[EVIL] = NOWHERE
        environment.software["source"] = NOWHERE
        recipe = environment.recipe(work)
        manifest = Manifest(
            attempt=uuid7(),
            job_id=EVIL,
            started=timestamp(),
            recipe=describe(recipe),
            host={EVIL: NOWHERE},
            job=Job(kind=EVIL, name=EVIL, activator="test", argv=[EVIL], scheduler={EVIL: EVIL}, run=EVIL),
            writer=this_process(),
            outcomes={EVIL: Outcome(status="failed", reason=EVIL), "source": Outcome(status="captured")},
            degraded=True,
            scrubbed={EVIL: EVIL},
            envcap="0",
        )
        Journal(store.root).append(("recipe", recipe.to_bytes()), ("manifest", manifest.to_bytes()))
        return Index(store).load(manifest.attempt)

    return write


class TestHostile:
    """Nothing of a manifest is more than text."""

    @pytest.mark.parametrize("work", [QUANTUM, BLOCK], ids=["quantum", "block"])
    def test_an_attempt(self, hostile: Callable[[Document], Attempt], work: Document) -> None:
        found = shown(hostile(work))
        assert found.text.count(EVIL) > 8
        assert found.badges == ["running (degraded)"]

    def test_a_difference(self, hostile: Callable[[Document], Attempt]) -> None:
        found = envcap.diff(hostile(QUANTUM), hostile(BLOCK))
        seen = shown(found)
        assert seen.text.count(EVIL) > 4
        assert seen.badges[0] == "different"
        other = envcap.diff(hostile(QUANTUM), hostile(PythonBlock.checked({**BLOCK.data, "code": NOWHERE.data})))
        assert "code can't be compared" in shown(other).text

    def test_in_a_console_it_is_one_line(self, hostile: Callable[[Document], Attempt]) -> None:
        one = hostile(PythonBlock(name="x", parameters={"\x1b[2J": "\x1b[31m\n"}, opaque=[], config={}, inputs={}))
        one.manifest = one.manifest.checked(
            {**one.manifest.data, "job": {**one.manifest.job.data, "name": "\x1b[2J\n"}}
        )
        found = envcap.diff(one, hostile(BLOCK))
        assert repr(one).startswith(r"<<script>alert('x')</script>")
        assert repr(one).isprintable()
        assert repr(found).isprintable()
        assert "\x1b" not in str(found)

    def test_control_characters_and_directions_are_told(self) -> None:
        found = Shown(html.message("a\x1b[31mb\u202ec\ud800"))
        assert found.text == r"a\x1b[31mb\u202ec\ud800"
        found.text.encode()

    @pytest.mark.parametrize(
        "bad",
        [f"<div>{EVIL}</div>", '<div style="background:url(x)">a</div>', '<a href="//evil.example">a</a>',
         "<style>@import url(x)</style>", '<div onclick="x">a</div>'],
    )  # fmt: skip
    def test_the_check_finds_what_is_not_escaped(self, bad: str) -> None:
        assert is_harmless("<div>a</div>")
        assert not is_harmless(bad)


class TestParts:
    """The pieces."""

    def test_what_is_long_is_folded(self) -> None:
        rows = [(f"name {number}", "value") for number in range(html.FEW)]
        assert Shown(html.section("short", rows)).summaries == {"short": True}
        assert Shown(html.section("long", [*rows, ("one", "more")])).summaries == {"long": False}

    @pytest.mark.parametrize(
        ("word", "colour"),
        [("ok", "#1a7f37"), ("identical", "#1a7f37"), ("exact", "#1a7f37"), ("substituted", "#9a6700"),
         ("equivalent", "#9a6700"), ("ok (degraded)", "#9a6700"), ("failed", "#cf222e"), ("different", "#cf222e"),
         ("impossible", "#cf222e"), ("lost", "#cf222e")],
    )  # fmt: skip
    def test_a_badge_has_the_colour_of_its_word(self, word: str, colour: str) -> None:
        assert f"background:{colour}" in html.table((), [("", html.Badge(word))])
        assert html.table((), [("", word)]).count("background:#") == 0

    def test_a_value_without_a_name_is_a_text_as_it_stands(self) -> None:
        found = html.section("code", [("", "if x:\n    <b>")])
        assert Shown(found).text == "codeif x:\n    <b>"
        assert "pre" in Shown(found).elements

    def test_text_has_the_colours_of_the_notebook(self) -> None:
        for style in Shown(html.page("title", html.table(("a",), [("b", "c")]), badge="ok")).styles:
            assert "color:#" not in style.replace("color:#fff", "")
            assert "background:#" not in style or "color:#fff" in style
