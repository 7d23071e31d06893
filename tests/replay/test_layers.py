# SPDX-License-Identifier: Apache-2.0
"""This node and this system against the captured ones: what decides bits is told, what doesn't is not."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from envcap.collectors.hardware import HardwareCollector
from envcap.collectors.operating_system import OperatingSystemCollector
from envcap.model.components import Hardware, OperatingSystem
from envcap.target import Target
from replay.fidelity import Fidelity
from replay.jobs.base import CapturedJob
from replay.layers import hardware_layer, operating_system_layer

NONE = Target.none({})


def job(**components: object) -> CapturedJob:
    """Return a job that was captured with some components."""
    return cast(CapturedJob, SimpleNamespace(**components))


def changed(document: Hardware | OperatingSystem, **members: object) -> Any:
    """Return a document with other members; `None` takes one out."""
    data = {name: value for name, value in {**document.data, **members}.items() if value is not None}
    return type(document).checked(data)


class TestHardware:
    """The node."""

    @pytest.fixture
    def here(self) -> Hardware:
        component = HardwareCollector().collect(NONE, pytest.fail).component
        assert isinstance(component, Hardware)
        return component

    @pytest.mark.parametrize(
        "members",
        [
            {},
            {"microcode": "0xffff", "sockets": 7, "cores": 7, "numa": {"0": "0"}, "product": "Other", "kernel": "1"},
            {"gpus": None},
        ],
        ids=["the-same", "of-another-size", "captured-before-gpus-were"],
    )
    def test_what_does_not_decide_bits_is_exact(self, here: Hardware, members: dict[str, object]) -> None:
        assert hardware_layer(job(hardware=changed(here, **members))).fidelity == Fidelity.EXACT

    @pytest.mark.parametrize(
        ("members", "told"),
        [
            ({"cpu_flags": ["of_another"]}, "-of_another"),
            ({"cpu_model": "Other"}, "instead of Other"),
            ({"gpus": [{"name": "NVIDIA Z1"}, {"name": "NVIDIA Z1"}]}, "with NVIDIA Z1"),
        ],
    )
    def test_what_may_decide_bits_is_substituted(self, here: Hardware, members: dict[str, object], told: str) -> None:
        layer = hardware_layer(job(hardware=changed(here, **members)))
        assert layer.fidelity == Fidelity.SUBSTITUTED
        assert told in layer.detail


class TestOperatingSystem:
    """The distribution, the C library and the time zone."""

    def test_another_time_zone_is_told(self) -> None:
        here = OperatingSystemCollector().collect(NONE, pytest.fail).component
        assert isinstance(here, OperatingSystem)
        assert operating_system_layer(job(operating_system=here)).fidelity == Fidelity.EXACT
        layer = operating_system_layer(job(operating_system=changed(here, timezone="Mars/Olympus")))
        assert layer.fidelity == Fidelity.SUBSTITUTED
        assert layer.detail.endswith("time zone Mars/Olympus")
        assert f"time zone {here.timezone} instead of" in layer.detail
