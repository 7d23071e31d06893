# SPDX-License-Identifier: Apache-2.0
"""Environment variables: an allow-list by value, the rest by name only."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest

from envcap.collectors.base import Keep
from envcap.collectors.process_env import ProcessEnvCollector
from envcap.digest import canonical_json
from envcap.environment import capture_environment
from envcap.model.components import ProcessEnv
from envcap.store.local import LocalStore
from envcap.target import Target

Collect = Callable[..., tuple[ProcessEnv, dict[str, Any]]]


@pytest.fixture
def collect(keep: Keep) -> Collect:
    """Give a function that collects some variables and returns the component and the places."""

    def run(**environ: str) -> tuple[ProcessEnv, dict[str, Any]]:
        collected = ProcessEnvCollector().collect(Target.none(environ), keep)
        assert isinstance(collected.component, ProcessEnv)
        return collected.component, dict(collected.place)

    return run


@pytest.mark.parametrize(
    "name",
    ["LC_ALL", "LANG", "TZ", "PYTHONHASHSEED", "CUDA_VISIBLE_DEVICES"],
)
def test_what_can_decide_a_result_is_kept_by_value(collect: Collect, name: str) -> None:
    component, place = collect(**{name: "value"})
    assert component.variables == {name: "value"}
    assert place["other_names"] == []
    assert component != collect(**{name: "other"})[0]


@pytest.mark.parametrize("name", ["HOME", "USER", "SLURM_JOB_ID", "MY_LANG", "XLANG", "AWS_SECRET_ACCESS_KEY", "OMP"])
def test_the_rest_is_kept_by_name_only(collect: Collect, name: str) -> None:
    component, place = collect(**{name: "hunter2"})
    assert component.variables == {}
    assert place["other_names"] == [name]
    assert component == collect(**{name: "hunter3"})[0]
    assert b"hunter2" not in canonical_json(place)


@pytest.mark.parametrize("name", ["PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "TMPDIR", "CONDA_PREFIX"])
def test_places_are_kept_beside_identity(collect: Collect, name: str) -> None:
    component, place = collect(**{name: "/here"})
    assert component.variables == {}
    assert place["variables"] == {name: "/here"}
    assert component == collect(**{name: "/there"})[0]


def test_a_name_that_tells_a_secret_is_no_part_of_a_family(collect: Collect) -> None:
    component, place = collect(LC_TOKEN="hunter2", OMP_PASSWORD="hunter2")
    assert component.variables == {}
    assert place["other_names"] == ["LC_TOKEN", "OMP_PASSWORD"]


def test_values_and_places_are_scrubbed(collect: Collect) -> None:
    component, place = collect(LANG="https://me:hunter2@host", PYTHONPATH="https://me:hunter2@host/x")
    assert component.variables == {"LANG": "https://<scrubbed:url-credentials>@host"}
    assert place["variables"] == {"PYTHONPATH": "https://<scrubbed:url-credentials>@host/x"}


def test_names_that_were_asked_for_are_kept_too(collect: Collect) -> None:
    component, place = collect(ENVCAP_EXTRA_ENV="NIGHT,MISSING", NIGHT="2026-11-23", DAY="1")
    assert component.variables == {"NIGHT": "2026-11-23"}
    assert place["other_names"] == ["DAY"]


def test_envcaps_own_variables_are_no_fact_about_the_job(collect: Collect) -> None:
    component, place = collect(ENVCAP_STORE="/x", ENVCAP_CONTEXT="{}")
    assert (component.variables, place["other_names"]) == ({}, [])


def test_the_umask_is_read_and_not_set(collect: Collect) -> None:
    before = os.umask(0o027)
    try:
        assert collect()[0].umask == "0027"
        assert os.umask(0o027) == 0o027
    finally:
        os.umask(before)


def test_no_stored_byte_holds_a_secret(
    store: LocalStore, stored_bytes: Callable[[LocalStore], bytes], clean_environ: dict[str, str]
) -> None:
    secret = "c0rrecth0rse"
    environ = {
        **clean_environ,
        "DB_PASSWORD": secret,
        "AWS_SECRET_ACCESS_KEY": secret,
        "COOKIE": secret,
        "ORDINARY": secret,
        "PIP_INDEX_URL": f"https://me:{secret}@pypi/simple",
        "PYTHONPATH": f"/x:https://me:{secret}@host/y",
        "CUDA_VISIBLE_DEVICES": "control-c0ntr0l",
    }
    environment = capture_environment(Target.none(environ), store)
    assert environment.outcomes["process_env"].status == "captured"
    data = stored_bytes(store)
    assert b"control-c0ntr0l" in data
    assert b"ORDINARY" in data
    assert secret.encode() not in data


@pytest.mark.parametrize("name", ["NUMBA_CACHE_DIR", "TORCH_HOME", "TORCH_EXTENSIONS_DIR"])
def test_a_cache_directory_is_a_place(collect: Collect, name: str) -> None:
    assert collect(**{name: "/scratch/job1"})[0] == collect(**{name: "/scratch/job2"})[0]
