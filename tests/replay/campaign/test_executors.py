# SPDX-License-Identifier: Apache-2.0
"""An executor is one of three, or a configuration of the user's own; what is none is told in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from envcap.errors import UsageError
from replay.campaign.executors import EXECUTORS, parsl_config


@pytest.mark.parametrize("name", EXECUTORS)
def test_each_has_as_many_workers_as_asked_for(name: str, tmp_path: Path) -> None:
    config = parsl_config(name, 3, str(tmp_path))
    (executor,) = config.executors
    assert executor.label == name
    assert config.usage_tracking == 0
    if name == "threads":
        assert executor.max_threads == 3
    if name == "processes":
        assert (executor.max_workers_per_node, executor.provider.max_blocks) == (3, 1)
    if name == "slurm":
        assert (executor.max_workers_per_node, executor.provider.max_blocks) == (1, 3)


def test_a_file_of_the_users_own_is_taken_without_its_retries(tmp_path: Path) -> None:
    path = tmp_path / "site.py"
    path.write_text(
        "from parsl.config import Config\nfrom parsl.executors import ThreadPoolExecutor\n"
        "config = Config(executors=[ThreadPoolExecutor(label='mine')], retries=5)\n"
    )
    config = parsl_config(str(path), 3, str(tmp_path / "runs"))
    assert [one.label for one in config.executors] == ["mine"]
    assert (config.retries, config.run_dir) == (0, str(tmp_path / "runs"))


@pytest.mark.parametrize(
    ("text", "told"),
    [("", "must say"), ("config = 3", "must say"), ("1 / 0", "ZeroDivisionError"), ("config = (", "SyntaxError")],
)
def test_a_file_that_is_none_is_refused(text: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "site.py").write_text(text)
    with pytest.raises(UsageError, match=told):
        parsl_config(str(tmp_path / "site.py"), 3, str(tmp_path))


def test_an_unknown_executor_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="expected threads, processes, slurm"):
        parsl_config("condor", 3, str(tmp_path))
    with pytest.raises(UsageError, match="No such file"):
        parsl_config(str(tmp_path / "none.py"), 3, str(tmp_path))
