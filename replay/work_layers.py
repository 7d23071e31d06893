# SPDX-License-Identifier: Apache-2.0
"""The layers of the work itself: its configuration and its inputs, and of a command the program."""

from __future__ import annotations

import os

from envcap.errors import EnvcapError
from envcap.redact import has_scrubbed

from .bundle.places import standing
from .fidelity import Fidelity, Layer
from .jobs.base import CapturedJob
from .jobs.command import CapturedCommand
from .jobs.quantum import CapturedQuantum
from .layers import lacking_text

__all__ = ("work_layers",)


def work_layers(job: CapturedJob) -> tuple[Layer, ...]:
    """Return the layers of what a job did."""
    if isinstance(job, CapturedQuantum):
        return (_quantum_configuration(job), _quantum_inputs(job))
    assert isinstance(job, CapturedCommand)
    return (_command_configuration(job), _command_inputs(job), _command_line(job))


def _quantum_configuration(job: CapturedQuantum) -> Layer:
    """Return the frozen configuration; a text that holds anything but field assignments is impossible to trust."""
    try:
        fields = job.frozen_config.fields
    except EnvcapError as err:
        return Layer("configuration", Fidelity.IMPOSSIBLE, str(err))
    if lacking := job.lacking(fields):
        return Layer("configuration", Fidelity.IMPOSSIBLE, lacking_text(lacking))
    return Layer("configuration", Fidelity.EXACT, f"{len(fields)} fields, frozen; no default applies")


def _quantum_inputs(job: CapturedQuantum) -> Layer:
    """Return the pinned inputs. Their files are checked when the replay opens them, not in a plan."""
    if job.attempt.result is None:
        return Layer("inputs", Fidelity.REBUILT, "by UUID; the job wrote no result, so their digests are not known")
    used = [entry for entry in job.attempt.result.inputs if entry.used]
    unknown = sum(entry.file is None or entry.file.digest is None for entry in used)
    if unknown:
        return Layer("inputs", Fidelity.REBUILT, f"{len(used)} by UUID, {unknown} of them without a known digest")
    return Layer("inputs", Fidelity.EXACT, f"{len(used)} by UUID, each checked against its captured digest")


def _command_configuration(job: CapturedCommand) -> Layer:
    """Return the configuration files, which were kept whole, unless a credential was in one."""
    kept = job.config_files()
    for name, descriptor in kept.items():
        if not job.store.has(descriptor.digest):
            told = f"{name} was not kept, and only its digest is known; name it a smaller file, or an input"
            return Layer("configuration", Fidelity.IMPOSSIBLE, told)
    scrubbed = [name for name in kept if f"config {name}" in (job.manifest.scrubbed or {})]
    if scrubbed:
        told = f"{', '.join(scrubbed)} held a credential, which is not kept, and a file can't be given again"
        return Layer("configuration", Fidelity.IMPOSSIBLE, told)
    return Layer("configuration", Fidelity.EXACT, f"{len(kept)} files, kept" if kept else "no file was declared")


def _command_inputs(job: CapturedCommand) -> Layer:
    """Return the declared inputs; their content is checked when they are copied."""
    inputs = [one for one in job.files().values() if one.kind == "input"]
    gone = [one.original for one in inputs if not os.path.isfile(standing(job.manifest.attempt, one.original))]
    if gone:
        return Layer("inputs", Fidelity.IMPOSSIBLE, f"{gone[0]} is gone; put it back: its digest is known")
    told = f"{len(inputs)} files, each checked against its captured digest" if inputs else "no file was declared"
    return Layer("inputs", Fidelity.EXACT, told)


def _command_line(job: CapturedCommand) -> Layer:
    if any(has_scrubbed(word) for word, _ in job.words()):
        return Layer("command", Fidelity.IMPOSSIBLE, "a word of the command line held a credential, which is not kept")
    return Layer("command", Fidelity.EXACT, job.title)
