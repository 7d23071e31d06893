# SPDX-License-Identifier: Apache-2.0
"""The environment of a job: what is identity and what is not, and what happens when a part can't be captured."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from envcap.collectors.base import Collected, Collector, Keep
from envcap.collectors.operating_system import OperatingSystemCollector
from envcap.collectors.process_env import ProcessEnvCollector
from envcap.collectors.registry import COLLECTORS
from envcap.digest import digest_of
from envcap.environment import Environment, capture_environment
from envcap.errors import CollectorError
from envcap.model.components import COMPONENTS, Command, Site
from envcap.model.document import Document, mapping
from envcap.model.manifest import Outcome
from envcap.store.local import LocalStore
from envcap.target import Target

SOFTWARE = ["interpreter", "numerics", "operating_system", "process_env", "python_dists", "source"]
OF_THE_MACHINE = {"conda", "container", "eups", "os_packages"}
"""What is there or not on the machine that the tests run on."""


class Anything(Document, media_type="application/vnd.envcap.anything.v1+json"):
    """A component that holds whatever a test wants."""

    value: object = mapping()


class Raising(Collector):
    """Goes wrong as its author never expected."""

    kind = "raising"

    def collect(self, target: Target, keep: Keep) -> Collected:
        """Divide by zero."""
        raise ZeroDivisionError(1 // 0)


class Refusing(Collector):
    """Goes wrong and says why."""

    kind = "refusing"

    def collect(self, target: Target, keep: Keep) -> Collected:
        """Refuse."""
        raise CollectorError("the moon is full")


class Floating(Collector):
    """Finds what has no place in a hashed document."""

    kind = "floating"

    def collect(self, target: Target, keep: Keep) -> Collected:
        """Return a float."""
        return Collected(Anything(value={"x": 1.5}))


def digests(environment: Environment) -> dict[str, str]:
    """Return the digests of the software components."""
    return {kind: d.digest for kind, d in sorted(environment.software.items())}


@pytest.fixture
def code(tmp_path: Path) -> Path:
    """Give a directory with a module, for PYTHONPATH."""
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "mine.py").write_text("answer = 42\n")
    return tmp_path / "code"


def test_everything_is_captured_and_kept(
    store: LocalStore, venv: Callable[..., Path], target_of: Callable[..., Target], code: Path
) -> None:
    environment = capture_environment(target_of(venv(), PYTHONPATH=str(code)), store)
    found = {kind: o.status for kind, o in environment.outcomes.items()}
    assert found == {c.kind: "captured" for c in COLLECTORS} | {kind: found[kind] for kind in OF_THE_MACHINE}
    assert {found[kind] for kind in OF_THE_MACHINE} <= {"captured", "absent"}
    assert sorted({*environment.software} - OF_THE_MACHINE) == SOFTWARE
    assert {*environment.host} - OF_THE_MACHINE == {"allotment", "hardware"}
    assert not environment.degraded
    assert environment.site is not None
    for descriptor in [*environment.software.values(), *environment.host.values(), environment.site]:
        data = store.get(descriptor.digest)
        assert len(data) == descriptor.size
        assert COMPONENTS[descriptor.mediaType].from_bytes(data).to_bytes() == data


def test_a_command_that_is_no_python_program_has_no_python(store: LocalStore, clean_environ: dict[str, str]) -> None:
    environment = capture_environment(Target.of_command(["true"], clean_environ), store)
    machine = OF_THE_MACHINE - {"conda"}
    absent = [k for k, outcome in environment.outcomes.items() if outcome.status == "absent" and k not in machine]
    assert absent == ["interpreter", "python_dists", "conda", "source"]
    assert all("no Python program" in str(environment.outcomes[kind].reason) for kind in absent)
    assert sorted({*environment.software} - OF_THE_MACHINE) == ["numerics", "operating_system", "process_env"]
    assert not environment.degraded


class TestIdentity:
    """Identity is not observation."""

    def test_two_jobs_in_one_environment_share_every_component(
        self, store: LocalStore, venv: Callable[..., Path], target_of: Callable[..., Target], code: Path
    ) -> None:
        python = venv()
        first = capture_environment(target_of(python, PYTHONPATH=str(code), TMPDIR="/tmp/1", SLURM_JOB_ID="1"), store)
        second = capture_environment(target_of(python, PYTHONPATH=str(code), TMPDIR="/tmp/2", SLURM_JOB_ID="2"), store)
        assert digests(first) == digests(second)
        assert first.host == second.host
        work = Command(argv=["x"], config={}, inputs={})
        assert first.recipe(work) == second.recipe(work)

    def test_the_same_software_elsewhere_is_the_same(
        self,
        store: LocalStore,
        venv: Callable[..., Path],
        wheel: Callable[..., Path],
        target_of: Callable[..., Target],
        code: Path,
        tmp_path: Path,
    ) -> None:
        made = wheel("tool")
        first = capture_environment(target_of(venv(made), PYTHONPATH=str(code)), store)
        (tmp_path / "other").mkdir()
        moved = code.rename(tmp_path / "other" / "code")
        second = capture_environment(target_of(venv(made), PYTHONPATH=str(moved)), store)
        assert digests(first) == digests(second)
        assert first.site != second.site

    @pytest.mark.parametrize(
        ("change", "kind"),
        [("install", "python_dists"), ("code", "source"), ("variable", "numerics")],
    )
    def test_one_change_changes_one_component(
        self,
        change: str,
        kind: str,
        store: LocalStore,
        venv: Callable[..., Path],
        uv_install: Callable[..., None],
        wheel: Callable[..., Path],
        target_of: Callable[..., Target],
        code: Path,
    ) -> None:
        python = venv(wheel("tool"))
        before = digests(capture_environment(target_of(python, PYTHONPATH=str(code)), store))
        environ = {"PYTHONPATH": str(code)}
        if change == "install":
            uv_install(python, wheel("more"))
        elif change == "code":
            (code / "mine.py").write_text("answer = 43\n")
        else:
            environ["OMP_NUM_THREADS"] = "3"
        after = digests(capture_environment(target_of(python, **environ), store))
        assert [name for name in SOFTWARE if before[name] != after[name]] == [kind]


class TestTrouble:
    """Capture never raises and never lies."""

    @pytest.mark.parametrize(
        ("collector", "reason"),
        [
            (Raising, "ZeroDivisionError: integer division or modulo by zero"),
            (Refusing, "the moon is full"),
            (Floating, "floating can't be written down: $.value.x: float"),
        ],
    )
    def test_a_collector_that_fails_is_an_outcome(
        self, store: LocalStore, collector: type[Collector], reason: str, clean_environ: dict[str, str]
    ) -> None:
        chosen: Sequence[type[Collector]] = [collector, OperatingSystemCollector]
        environment = capture_environment(Target.none(clean_environ), store, chosen)
        outcome = environment.outcomes[collector.kind]
        assert outcome.status == "failed"
        assert str(outcome.reason).startswith(reason)
        assert list(environment.software) == ["operating_system"]
        assert environment.outcomes["operating_system"] == Outcome(status="captured")
        assert environment.degraded

    def test_what_can_not_be_kept_is_said_and_still_has_its_digest(
        self, store: LocalStore, read_only: Callable[[str], str], clean_environ: dict[str, str]
    ) -> None:
        chosen = [OperatingSystemCollector]
        kept = capture_environment(Target.none(clean_environ), LocalStore(f"{store.root}2"), chosen)
        lost = capture_environment(Target.none(clean_environ), LocalStore(read_only(store.root)), chosen)
        assert digests(lost) == digests(kept)
        assert (kept.degraded, lost.degraded) == (False, True)
        for kind in ("operating_system", "site"):
            assert str(lost.outcomes[kind].reason).startswith("captured, but not kept: ")
            assert "Read-only file system" in str(lost.outcomes[kind].reason)

    def test_a_full_disk_is_said(
        self, small_disk: Path, fill: Callable[[Path], Path], clean_environ: dict[str, str]
    ) -> None:
        store = LocalStore(str(small_disk / "store"))
        store.create()
        fill(small_disk)
        environment = capture_environment(Target.none(clean_environ), store)
        assert "No space left on device" in str(environment.outcomes["operating_system"].reason)
        assert environment.degraded

    def test_a_variable_that_is_not_unicode_is_an_outcome(self, store: LocalStore) -> None:
        environ = {"LANG": os.fsdecode(b"caf\xe9")}
        environment = capture_environment(Target.none(environ), store, [ProcessEnvCollector])
        assert environment.degraded
        assert "the variable LANG is no Unicode text" in str(environment.outcomes["process_env"].reason)

    def test_a_place_that_is_not_unicode_is_told_in_pythons_notation(self, store: LocalStore) -> None:
        environ = {"PYTHONPATH": os.fsdecode(b"caf\xe9")}
        environment = capture_environment(Target.none(environ), store, [ProcessEnvCollector])
        assert not environment.degraded
        assert environment.site is not None
        site = Site.from_bytes(store.get(environment.site.digest))
        assert site.places["process_env"]["variables"] == {"PYTHONPATH": "caf\\udce9"}


class TestHandingDown:
    """`envcap run` hands the environment to its children as text."""

    def test_reads_back(self, store: LocalStore, target_of: Callable[..., Target]) -> None:
        made = capture_environment(target_of(PYTHONPATH="/x"), store, [Refusing, *COLLECTORS])
        read = Environment.from_json(made.to_json())
        assert read.software == made.software
        assert (read.host, read.site, read.outcomes) == (made.host, made.site, made.outcomes)
        work = Command(argv=["x"], config={}, inputs={})
        assert digest_of(read.recipe(work).to_bytes()) == digest_of(made.recipe(work).to_bytes())

    def test_fits_the_same_interpreter_only(
        self, store: LocalStore, target_of: Callable[..., Target], venv: Callable[..., Path]
    ) -> None:
        read = Environment.from_json(capture_environment(target_of(), store, []).to_json())
        assert read.fits(target_of())
        assert not read.fits(target_of(venv()))
        assert not read.fits(target_of(PYTHONPATH="/x"))

    def test_a_site_names_places_by_kind(self, store: LocalStore, target_of: Callable[..., Target]) -> None:
        environment = capture_environment(target_of(), store)
        assert environment.site is not None
        places = Site.from_bytes(store.get(environment.site.digest)).places
        assert places["interpreter"]["prefix"] == target_of().prefix
        assert "PATH" in places["process_env"]["variables"]  # type: ignore[operator]
