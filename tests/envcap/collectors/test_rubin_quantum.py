# SPDX-License-Identifier: Apache-2.0
"""A quantum's identity from plain facts, and its configuration, which is kept and read but never executed."""

from __future__ import annotations

from pathlib import Path

import pytest

from envcap.collectors.base import Keep
from envcap.collectors.rubin_quantum import QuantumFacts, RubinQuantumCollector, keep_config
from envcap.digest import digest_of
from envcap.model.components import RubinConfig, RubinQuantum
from envcap.model.descriptor import describe_bytes
from envcap.model.manifest import DatasetGroup
from envcap.store.local import LocalStore
from envcap.target import Target

CONFIG = describe_bytes("application/vnd.envcap.rubin-config.v1+json", b"{}")


def group(dataset_type: str, *uuids: str, run: str = "run") -> DatasetGroup:
    """Return datasets of one type in one RUN."""
    rows = [[uuid, str(i)] for i, uuid in enumerate(uuids)]
    return DatasetGroup(dataset_type=dataset_type, run=run, dimensions=["visit"], rows=rows)


def quantum(keep: Keep, inputs: list[DatasetGroup], *, init: bool = False, **data_id: str) -> RubinQuantum:
    """Collect a quantum."""
    facts = QuantumFacts("a.Task", "task", data_id, inputs, [group("schema", "s")], CONFIG, init=init)
    component = RubinQuantumCollector(facts).collect(Target.none({}), keep).component
    assert isinstance(component, RubinQuantum)
    return component


def test_inputs_are_by_type_and_in_order(keep: Keep) -> None:
    found = quantum(keep, [group("warp", "b", "a"), group("psf", "p"), group("warp", "c", run="other")], visit="1")
    assert found.inputs == {"warp": ("b", "a", "c"), "psf": ("p",)}
    assert found.init_inputs == {"schema": ("s",)}
    assert (found.task_class, found.label, found.data_id, found.init) == ("a.Task", "task", {"visit": "1"}, None)


def test_order_of_inputs_counts_and_their_run_does_not(keep: Keep) -> None:
    one = quantum(keep, [group("warp", "a", "b")])
    assert quantum(keep, [group("warp", "a", "b", run="other")]) == one
    assert quantum(keep, [group("warp", "b", "a")]) != one
    assert quantum(keep, [group("warp", "a", "b")], visit="2") != one
    assert quantum(keep, [group("warp", "a", "b")], init=True) != one


class TestConfig:
    """The configuration of a task."""

    TEXT = "import a\nassert type(config) is a.Config, 'no'\nconfig.x=5\n"

    def read(self, text: str, keep: Keep, store: LocalStore) -> RubinConfig:
        """Keep a text and read the document back."""
        return RubinConfig.from_bytes(store.get(keep_config(text, keep)[0].digest))

    def test_is_kept_exactly_and_read(self, keep: Keep, store: LocalStore) -> None:
        found = self.read(self.TEXT, keep, store)
        assert store.get(found.text.digest).decode() == self.TEXT
        assert found.text.digest == digest_of(self.TEXT.encode())
        assert (found.config_class, found.fields, found.refused) == ("a.Config", {"x": "5"}, None)

    @pytest.mark.parametrize("payload", ["open({mark!r}, 'w')", "config.x = open({mark!r}, 'w')"])
    def test_with_code_is_kept_but_refused(self, keep: Keep, store: LocalStore, tmp_path: Path, payload: str) -> None:
        mark = tmp_path / "mark"
        text = self.TEXT + payload.format(mark=str(mark))
        found = self.read(text, keep, store)
        assert store.get(found.text.digest).decode() == text
        assert found.fields is None
        assert "no field assignment" in str(found.refused)
        assert not mark.exists()

    def test_one_changed_value_is_another(self, keep: Keep) -> None:
        assert keep_config(self.TEXT, keep) == keep_config(self.TEXT, keep)
        assert keep_config(self.TEXT, keep) != keep_config(self.TEXT.replace("5", "7"), keep)

    def test_with_an_endless_number_is_refused_and_not_an_error(self, keep: Keep, store: LocalStore) -> None:
        assert self.read(f"config.x = 0x{'f' * 5000}", keep, store).refused
