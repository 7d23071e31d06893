# SPDX-License-Identifier: Apache-2.0
"""Datasets become groups as the capturing hook has them; a task is found by its configuration."""

from __future__ import annotations

import pytest

from envcap.hooks.pipetask import _groups
from envcap.model.manifest import DatasetGroup
from replay.errors import ReplayRefusedError
from replay.rubin.sources.facts import groups
from replay.rubin.sources.task_class import task_class
from tests.uncaptured import RUN, Uncaptured


def test_groups_are_those_of_a_captured_job(uncaptured: Uncaptured) -> None:
    from lsst.daf.butler import Butler

    with Butler.from_config(str(uncaptured.world.repo), writeable=False) as butler:
        refs = [*butler.query_datasets("catalog", collections=RUN), *butler.query_datasets("coadd", collections=RUN)]
    assert groups(refs) == [DatasetGroup(**group) for group in _groups(refs)]
    assert [len(group.rows) for group in groups(refs)] == [3, 1]
    assert groups([*refs, refs[0]]) == groups(refs)  # through a second connection
    assert groups(reversed(refs)) != groups(refs)


def test_a_configuration_that_no_task_has_or_that_is_not_here() -> None:
    with pytest.raises(ReplayRefusedError, match="defines no task that lsst"):
        task_class("lsst.pipe.base.PipelineTaskConfig")
    for name in ("lsst.pipe.base.NoConfig", "no_such_module.Config", "Config"):
        with pytest.raises(ReplayRefusedError, match=f"{name} can't be imported here"):
            task_class(name)
