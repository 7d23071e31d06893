# SPDX-License-Identifier: Apache-2.0
"""What to type next about a quantum."""

from __future__ import annotations

import shlex

from ..entry import Entry
from .documents import Output, replay_of

__all__ = ("commands_of", "comparison_of")


def commands_of(entry: Entry) -> list[str]:
    """Return the command lines that lead from a quantum to its manifests, and on from there.

    What is no attempt id stays one word of the shell: people copy these lines.
    """
    original = shlex.quote(f"attempt:{entry.attempt}")
    if not (remade := replay_of(entry)):
        return [f"envcap show {original}", f"replay run {original}"]
    replay = shlex.quote(f"attempt:{remade}")
    lines = [f"envcap show {original}", f"envcap show {replay}", f"envcap diff {original} {replay}"]
    return [*lines, f"replay explain {original} {replay}"]


def comparison_of(output: Output) -> str:
    """Return the command line that compares the files of an output; empty if there are none."""
    if not (output.original and output.remade):
        return ""
    return f"replay compare {shlex.quote(output.original)} {shlex.quote(output.remade)}"
