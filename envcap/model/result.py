# SPDX-License-Identifier: Apache-2.0
"""The result: how an attempt ended, written after the payload."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .descriptor import Descriptor
from .document import Document, array, boolean, integer, mapping, nested, string
from .manifest import Outcome

__all__ = ("FileRecord", "Input", "Output", "Result")


class FileRecord(Document):
    """A file that the job read or wrote, as it stood on this site when the job ended."""

    uri: str | None = string(default=None)
    digest: str | None = string(default=None)
    size: int | None = integer(default=None)


class Input(Document):
    """An input in its three states: every one here was predicted.

    `available`: its file was there when the payload started. `used`: the payload really read it; a deferred input that
    was never loaded was not used.
    """

    dataset: str = string()
    available: bool = boolean()
    used: bool = boolean()
    file: FileRecord | None = nested(FileRecord, default=None)


class Output(Document):
    """An output that exists now; `dataset` is its UUID, if it is a Butler dataset."""

    dataset: str | None = string(default=None)
    dataset_type: str | None = string(default=None)
    file: FileRecord = nested(FileRecord)


class Result(Document, media_type="application/vnd.envcap.result.v1+json"):
    """How one attempt ended.

    `status` is ``ok`` or ``failed``. `exit` is the payload's exit status as a shell tells it (128 + n for signal n).
    `content_key` is the digest of the recipe with its inputs by content; it is missing when an input could not be read.
    `observed` holds what could be known only at the end (the libraries really loaded, the numerics in effect), a
    component by collector, and `outcomes` how those collectors ended. `unstable` says what of the environment changed
    while the job ran, by collector: then nobody knows which state it ran in. `scrubbed` is as in the manifest. Numbers
    that are not integers are texts: hashed documents carry no floats.
    """

    attempt: str = string()
    manifest: str = string()
    ended: str = string()
    status: str = string()
    exit: int | None = integer(default=None)
    error: str | None = string(default=None)
    inputs: Sequence[Input] = array(nested(Input))
    outputs: Sequence[Output] = array(nested(Output))
    missing: Sequence[str] | None = array(string(), default=None)
    content_key: str | None = string(default=None)
    resources: Mapping[str, str] = mapping(string())
    metrics: Mapping[str, str] | None = mapping(string(), default=None)
    outcomes: Mapping[str, Outcome] | None = mapping(nested(Outcome), default=None)
    observed: Mapping[str, Descriptor] | None = mapping(nested(Descriptor), default=None)
    unstable: Mapping[str, str] | None = mapping(string(), default=None)
    scrubbed: Mapping[str, str] | None = mapping(string(), default=None)
    log: FileRecord | None = nested(FileRecord, default=None)
    degraded: Mapping[str, str] | None = mapping(string(), default=None)
