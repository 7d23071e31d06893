# SPDX-License-Identifier: Apache-2.0
"""Every collector ends in an outcome, and none ends the job."""

from __future__ import annotations

import importlib
import pkgutil

import pytest

import envcap.collectors
from envcap.collectors.base import Absent, Collected, Collector, Keep, collect
from envcap.collectors.registry import COLLECTORS
from envcap.collectors.rubin_quantum import RubinQuantumCollector
from envcap.errors import CollectorError
from envcap.model.manifest import Outcome
from envcap.target import Target


class Made(Collector):
    """Ends as a test wants it to."""

    kind = "made"

    def __init__(self, ending: BaseException | None) -> None:
        self.ending = ending

    def collect(self, target: Target, keep: Keep) -> Collected:
        """End."""
        if self.ending is not None:
            raise self.ending
        return Collected(Outcome(status="x"))


@pytest.mark.parametrize(
    ("ending", "status", "reason"),
    [
        (None, "captured", None),
        (Absent("none here"), "absent", "none here"),
        (CollectorError("can't"), "failed", "can't"),
        (KeyError("x"), "failed", "KeyError: 'x'"),
        (RecursionError(), "failed", "RecursionError: "),
        (OSError(5, "I/O error", "/x"), "failed", "OSError: [Errno 5] I/O error: '/x'"),
    ],
)
def test_an_ending_becomes_an_outcome(
    keep: Keep, ending: BaseException | None, status: str, reason: str | None
) -> None:
    collected, outcome = collect(Made(ending), Target.none({}), keep)
    assert (outcome.status, outcome.reason) == (status, reason)
    assert (collected is not None) == (status == "captured")


def test_an_interrupt_is_the_users(keep: Keep) -> None:
    with pytest.raises(KeyboardInterrupt):
        collect(Made(KeyboardInterrupt()), Target.none({}), keep)


def test_every_collector_is_registered_under_its_own_kind() -> None:
    for module in pkgutil.iter_modules(envcap.collectors.__path__):
        importlib.import_module(f"envcap.collectors.{module.name}")
    defined = {cls for cls in Collector.__subclasses__() if cls.__module__.startswith("envcap.collectors.")}
    assert defined == {*COLLECTORS, RubinQuantumCollector}
    assert all(cls.__module__ == f"envcap.collectors.{cls.kind}" for cls in defined)
    assert {cls.layer for cls in defined} == {"software", "host"}
