# SPDX-License-Identifier: Apache-2.0
"""The two documents of an attempt, and the key that tells whether two attempts should have made the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from envcap.digest import digest_of
from envcap.environment import capture_environment
from envcap.errors import StoreError
from envcap.hooks.attempt import AttemptWriter, content_key, file_record
from envcap.hooks.context import Context
from envcap.hooks.variables import CONTEXT_VARIABLE
from envcap.model.components import Command, RubinQuantum
from envcap.model.descriptor import describe_bytes
from envcap.model.manifest import Job, Outcome
from envcap.model.recipe import Recipe
from envcap.store.index import Index
from envcap.store.journal import Journal
from envcap.store.local import LocalStore
from envcap.target import Target

COMMAND = Command(argv=["x"], config={}, inputs={})
JOB = Job(kind="command", name="x", activator="test", argv=["x"])


@pytest.fixture
def writer(store: LocalStore) -> Callable[..., AttemptWriter]:
    """Give a function that makes a writer."""
    environment = capture_environment(Target.none({}), store, [])
    return lambda **options: AttemptWriter(Journal(store.root), environment, COMMAND, JOB, **options)


class TestWriter:
    """A manifest before, a result after."""

    def test_writes_both(self, store: LocalStore, writer: Callable[..., AttemptWriter]) -> None:
        made = writer(job_id="mine")
        made.begin()
        assert [a.state for a in Index(store).attempts()] == ["running"]
        made.end(status="ok", exit_status=0, degraded={"x": "why"})
        (attempt,) = Index(store).attempts()
        assert (attempt.state, attempt.manifest.job_id, attempt.degraded) == ("ok", "mine", True)
        assert attempt.result is not None
        assert attempt.result.manifest == attempt.digest
        assert not attempt.manifest.degraded

    def test_writes_no_result_without_a_manifest(self, writer: Callable[..., AttemptWriter]) -> None:
        with pytest.raises(StoreError, match="no result without a manifest"):
            writer().end(status="ok")

    def test_a_failed_outcome_marks_the_manifest(self, writer: Callable[..., AttemptWriter]) -> None:
        assert not writer(outcomes={"x": Outcome(status="absent", reason="none")}).manifest.degraded
        assert writer(outcomes={"x": Outcome(status="failed", reason="why")}).manifest.degraded


def recipe(work: Command | RubinQuantum, software: bytes = b"s") -> Recipe:
    """Return a recipe."""
    return Recipe(software={"python_dists": describe_bytes("text/plain", software)}, work=work.data)


def quantum(**changed: object) -> RubinQuantum:
    """Return a quantum."""
    members: dict[str, object] = {
        "task_class": "t.T",
        "label": "t",
        "data_id": {"visit": "1"},
        "inputs": {"raw": ["u"]},
    }
    return RubinQuantum(**{**members, "init_inputs": {}, **changed})  # type: ignore[arg-type]


class TestContentKey:
    """The recipe with its inputs by content."""

    CONTENTS: Mapping[str, str | None] = {"raw['1']": "sha256:aa"}

    def test_does_not_depend_on_the_ids_of_inputs(self) -> None:
        other = quantum(inputs={"raw": ["another"]}, init_inputs={"schema": ["third"]})
        assert recipe(quantum()).to_bytes() != recipe(other).to_bytes()
        assert content_key(recipe(quantum()), self.CONTENTS) == content_key(recipe(other), self.CONTENTS)

    @pytest.mark.parametrize("contents", [{}, {"raw['1']": "sha256:bb"}, {"raw['2']": "sha256:aa"}])
    def test_depends_on_their_contents(self, contents: dict[str, str | None]) -> None:
        assert content_key(recipe(quantum()), self.CONTENTS) != content_key(recipe(quantum()), contents)

    def test_depends_on_work_and_software(self) -> None:
        keys = {
            content_key(made, self.CONTENTS)
            for made in (
                recipe(quantum()), recipe(quantum(label="u")), recipe(quantum(data_id={"visit": "2"})),
                recipe(quantum(), b"other"),
            )
        }  # fmt: skip
        assert len(keys) == 4
        assert all(key and key.startswith("sha256:") for key in keys)

    def test_is_unknown_if_the_content_of_an_input_is(self) -> None:
        assert content_key(recipe(quantum()), {**self.CONTENTS, "flat": None}) is None


def test_a_file_is_recorded_as_it_stands(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"data")
    found = file_record(str(tmp_path / "x"))
    assert (found.uri, found.digest, found.size) == (f"file://{tmp_path}/x", digest_of(b"data"), 4)
    with pytest.raises(FileNotFoundError):
        file_record(str(tmp_path / "missing"))


class TestContext:
    """What `envcap run` hands to the processes of its payload."""

    def test_reads_back(self, store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
        environment = capture_environment(Target.none({"PYTHONPATH": "/x"}), store)
        monkeypatch.setenv(CONTEXT_VARIABLE, Context(store, "me", environment, "/k").to_text())
        read = Context.from_environ()
        assert read is not None
        assert (read.store.root, read.parent, read.key, read.environment.pythonpath) == (store.root, "me", "/k", "/x")
        assert read.environment.software == environment.software

    @pytest.mark.parametrize("value", [None, ""])
    def test_outside_there_is_none(self, monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
        monkeypatch.delenv(CONTEXT_VARIABLE, raising=False)
        if value is not None:
            monkeypatch.setenv(CONTEXT_VARIABLE, value)
        assert Context.from_environ() is None
