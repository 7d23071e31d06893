# SPDX-License-Identifier: Apache-2.0
"""From a configuration to the task that it configures, which nothing in a RUN names.

The configuration's module is imported, in this process: it is code that is installed here, and that the re-run would
import. Nothing of the configuration's text is executed but the assignments that `envcap.pexconfig` lets pass.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

from envcap.errors import AmbiguousSelectorError
from envcap.pexconfig import ParsedConfig

from ...errors import ReplayRefusedError
from ..inside.frozen import Refused, frozen_config
from .base import INSTEAD

__all__ = ("task_class", "task_node")


def task_class(config_class_name: str) -> Any:
    """Return the only task that has exactly this class of configuration.

    Raises
    ------
    AmbiguousSelectorError
        If there are several.
    ReplayRefusedError
        If there is none, or the module can't be imported.
    """
    from lsst.pipe.base import PipelineTask

    module_name, _, name = config_class_name.rpartition(".")
    try:
        config_class = getattr(importlib.import_module(module_name), name)
    except Exception as err:
        told = f"{config_class_name} can't be imported here: {type(err).__name__}: {err}"
        raise ReplayRefusedError(f"the configuration's class {told}") from err
    configured = [cls for cls in _subclasses(PipelineTask) if getattr(cls, "ConfigClass", None) is config_class]
    found = {f"{cls.__module__}.{cls.__qualname__}": cls for cls in configured}
    if not found:
        raise ReplayRefusedError(f"{module_name} defines no task that {config_class_name} configures; {INSTEAD}")
    if len(found) > 1:
        listed = ", ".join(sorted(found))
        raise AmbiguousSelectorError(f"{config_class_name} configures more than one task: {listed}; {INSTEAD}")
    return next(iter(found.values()))


def _subclasses(cls: Any) -> Iterator[Any]:
    for one in cls.__subclasses__():
        yield one
        yield from _subclasses(one)


def task_node(butler: Any, label: str, parsed: ParsedConfig) -> Any:
    """Return the task of a configuration as a pipeline has it, with the connections that the configuration gives it.

    Raises
    ------
    AmbiguousSelectorError, ReplayRefusedError
        If the task isn't known, or the code has another configuration.
    """
    from lsst.pipe.base import PipelineGraph

    if parsed.config_class is None:
        raise ReplayRefusedError(f"{label}_config doesn't name its class; {INSTEAD}")
    cls = task_class(parsed.config_class)
    try:
        config = frozen_config(cls.ConfigClass, parsed.text)
    except Refused as err:
        raise ReplayRefusedError(str(err)) from err
    graph = PipelineGraph(universe=butler.dimensions)
    graph.add_task(label, cls, config=config)
    graph.resolve(butler.registry)
    return graph.tasks[label]
