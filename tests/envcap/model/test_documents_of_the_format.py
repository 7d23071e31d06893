# SPDX-License-Identifier: Apache-2.0
"""The documents of the format themselves: descriptors, components, recipe, manifest, result."""

from __future__ import annotations

import hashlib
import inspect
from typing import ClassVar

import pytest

from envcap.errors import FormatError
from envcap.model import components, manifest, recipe, result
from envcap.model.components import COMPONENTS, Command, Distribution, PythonDists, RubinQuantum
from envcap.model.descriptor import Descriptor, describe, describe_bytes
from envcap.model.document import Document
from envcap.model.manifest import Outcome
from envcap.model.recipe import Recipe

DISTS = PythonDists(distributions=[Distribution(name="six", version="1.17.0", record="sha256:00")])
# Written out, so that a change of the format can't go unnoticed.
DISTS_BYTES = (
    b'{"distributions":[{"name":"six","record":"sha256:00","version":"1.17.0"}],'
    b'"mediaType":"application/vnd.envcap.python-dists.v1+json"}'
)


def test_the_bytes_of_a_component_are_these() -> None:
    assert DISTS.to_bytes() == DISTS_BYTES


def test_a_descriptor_says_type_digest_and_size() -> None:
    found = describe(DISTS)
    assert found.mediaType == "application/vnd.envcap.python-dists.v1+json"
    assert found.digest == "sha256:" + hashlib.sha256(DISTS_BYTES).hexdigest()
    assert found.size == len(DISTS_BYTES)
    assert found == describe_bytes(found.mediaType, DISTS_BYTES)
    assert found != describe_bytes(found.mediaType, DISTS_BYTES + b" ")


def test_every_document_with_a_media_type_has_its_own() -> None:
    classes = {
        cls
        for module in (components, manifest, recipe, result)
        for _, cls in inspect.getmembers(module, inspect.isclass)
        if issubclass(cls, Document) and cls.media_type
    }
    types = [cls.media_type for cls in classes]
    assert len(set(types)) == len(types)
    assert all(t.startswith("application/vnd.envcap.") and t.endswith(".v1+json") for t in types)
    assert set(COMPONENTS.values()) <= classes
    assert all(COMPONENTS[cls.media_type] is cls for cls in COMPONENTS.values())


@pytest.mark.parametrize("outcome", [{"status": "failed", "reason": "why"}, {"status": "captured"}])
def test_an_outcome_reads_back(outcome: dict[str, str]) -> None:
    assert Outcome.checked(outcome).data == outcome


class TestRecipe:
    """Identity: software and work, and nothing else."""

    COMMAND = Command(argv=["reduce", "a"], config={}, inputs={"a": "sha256:aa"})
    SOFTWARE: ClassVar[dict[str, Descriptor]] = {"python_dists": describe(DISTS)}

    def make(self, software: dict[str, Descriptor], work: Document) -> Recipe:
        """Return a recipe."""
        return Recipe(software=software, work=work.data)

    def test_knows_its_work(self) -> None:
        found = Recipe.from_bytes(self.make(self.SOFTWARE, self.COMMAND).to_bytes())
        assert found.task == self.COMMAND
        assert found.software["python_dists"].digest == describe(DISTS).digest

    def test_a_quantum_is_work_too(self) -> None:
        work = RubinQuantum(task_class="t.T", label="t", data_id={"visit": "1"}, inputs={"raw": ["u"]}, init_inputs={})
        assert self.make({}, work).task == work

    def test_one_changed_word_or_component_is_another_recipe(self) -> None:
        same = self.make(self.SOFTWARE, self.COMMAND)
        assert describe(same) == describe(self.make(dict(self.SOFTWARE), self.COMMAND))
        other_work = Command(argv=["reduce", "b"], config={}, inputs={"a": "sha256:aa"})
        assert describe(same) != describe(self.make(self.SOFTWARE, other_work))
        assert describe(same) != describe(self.make({}, self.COMMAND))

    def test_work_of_an_unknown_kind_is_named(self) -> None:
        newer = Recipe(software={}, work={"mediaType": "application/vnd.envcap.dream.v1+json"})
        with pytest.raises(FormatError, match=r"dream.*no kind of work"):
            _ = newer.task
