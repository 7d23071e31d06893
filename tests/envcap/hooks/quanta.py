# SPDX-License-Identifier: Apache-2.0
"""A quantum as the middleware's hook tells of it."""

from __future__ import annotations

from typing import Any

from envcap.hooks.following import FollowedQuantum, Process

__all__ = ("CONFIG", "UUID", "begun")

UUID = "01a21950-8962-7978-967b-77130844304d"
"""Of the quantum, and of its output."""

CONFIG = "import pack\nassert type(config)==pack.Config\nconfig.depth=3\n"


def begun(process: Process, uuid: str = UUID, **others: Any) -> FollowedQuantum:
    """Return a quantum with one output, which has begun."""
    outputs = [{"dataset_type": "coadd", "run": "u/me/run", "dimensions": ["visit"], "rows": [[uuid, "7"]]}]
    facts = {
        "kind": "quantum",
        "task_class": "pack.Task",
        "label": "task",
        "data_id": {"visit": "7"},
        "inputs": [],
        "init_inputs": [],
        "outputs": outputs,
        "config": process.config("task", CONFIG, lambda: CONFIG),
        "butler": "file:///repo",
        "quantum": uuid,
    }
    quantum = FollowedQuantum(process, "task", {**facts, **others})
    quantum.begin()
    return quantum
