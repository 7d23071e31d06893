# SPDX-License-Identifier: Apache-2.0
"""The manifest: one attempt, written before the payload starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .descriptor import Descriptor
from .document import Document, array, boolean, integer, mapping, nested, string

__all__ = ("DatasetGroup", "Job", "Manifest", "Outcome", "Writer")


class Outcome(Document):
    """How a collector ended: ``captured``, ``absent`` (looked, not there) or ``failed``, with the reason.

    A reason with another status says what is not known all the same.
    """

    status: str = string()
    reason: str | None = string(default=None)


class Writer(Document):
    """The process that will write the result, so that a reader can tell whether it still lives.

    `start` is field 22 of ``/proc/PID/stat`` (clock ticks since boot): with the boot id, it tells a process from a
    later one that was given the same pid. `pid_namespace` says in which namespace the pid counts. `machine` tells two
    machines of one name apart: 16 hexadecimal digits of a digest of the machine's id, which is not to leave it
    (machine-id(5)).
    """

    host: str = string()
    machine: str | None = string(default=None)
    boot_id: str | None = string(default=None)
    pid: int = integer()
    start: str | None = string(default=None)
    pid_namespace: str | None = string(default=None)


class DatasetGroup(Document):
    """Datasets of one type in one RUN: a row is the UUID, then the data ID's values as `dimensions` orders them."""

    dataset_type: str = string()
    run: str = string()
    storage_class: str | None = string(default=None)
    dimensions: Sequence[str] = array(string())
    rows: Sequence[Sequence[str]] = array(array(string()))


class Job(Document):
    """Who asked for the attempt and where: everything about it that is not identity.

    `kind` is ``command``, ``block`` (of Python), ``quantum`` or ``init`` (a task's init-outputs); `activator` is the
    hook that saw it; `name` is for people. `files` has where the declared files of a command stood, by kind and name.
    """

    kind: str = string()
    name: str = string()
    activator: str = string()
    argv: Sequence[str] = array(string())
    cwd: str | None = string(default=None)
    parent: str | None = string(default=None)
    quantum: str | None = string(default=None)
    run: str | None = string(default=None)
    butler: str | None = string(default=None)
    inputs: Sequence[DatasetGroup] | None = array(nested(DatasetGroup), default=None)
    init_inputs: Sequence[DatasetGroup] | None = array(nested(DatasetGroup), default=None)
    outputs: Sequence[DatasetGroup] | None = array(nested(DatasetGroup), default=None)
    scheduler: Mapping[str, str] | None = mapping(string(), default=None)
    files: Mapping[str, str] | None = mapping(string(), default=None)


class Manifest(Document, media_type="application/vnd.envcap.manifest.v1+json"):
    """One attempt: recipe, identity of the job, host, and what could not be captured.

    `degraded` is true when a collector failed or a document could not be stored; `outcomes` says which and why.
    `instances` holds what differs from one start to the next (a container's id), by collector. `scrubbed` says which
    kind of secret was taken out at which place of the documents; the secrets themselves are nowhere.
    """

    attempt: str = string()
    job_id: str = string()
    started: str = string()
    recipe: Descriptor = nested(Descriptor)
    host: Mapping[str, Descriptor] = mapping(nested(Descriptor))
    site: Descriptor | None = nested(Descriptor, default=None)
    job: Job = nested(Job)
    writer: Writer = nested(Writer)
    outcomes: Mapping[str, Outcome] = mapping(nested(Outcome))
    instances: Mapping[str, Mapping[str, str]] | None = mapping(mapping(string()), default=None)
    scrubbed: Mapping[str, str] | None = mapping(string(), default=None)
    degraded: bool = boolean()
    replay_of: str | None = string(default=None)
    envcap: str = string()
