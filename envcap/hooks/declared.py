# SPDX-License-Identifier: Apache-2.0
"""The files that a user declares of a job: configuration (kept), inputs and outputs (by digest)."""

from __future__ import annotations

import os
from collections.abc import Sequence

from ..digest import digest_of_file
from ..errors import UsageError
from ..model.descriptor import Descriptor
from ..model.manifest import Outcome
from ..model.result import FileRecord, Input, Output
from ..redact import scrub, scrubbed_kinds
from ..store.base import ObjectStore
from ..store.keeper import Keeper
from .attempt import file_record

__all__ = ("DeclaredFiles", "portable_names")

_MAX_CONFIG = 1 << 24
_MEDIA_TYPE = "application/octet-stream"


class DeclaredFiles:
    """Files of one job.

    Parameters
    ----------
    configs, inputs, outputs : sequence of `str`
        Paths.

    Attributes
    ----------
    scrubbed : `dict` [ `str`, `str` ]
        What was taken out of the configuration files: kinds of secret by place.

    Raises
    ------
    UsageError
        If a configuration or input file isn't there.
    """

    def __init__(self, configs: Sequence[str], inputs: Sequence[str], outputs: Sequence[str]) -> None:
        self.configs = list(configs)
        self.inputs = list(inputs)
        self.outputs = list(outputs)
        self.scrubbed: dict[str, str] = {}
        self._records: dict[str, FileRecord] = {}
        for path in (*configs, *inputs):
            if not os.path.isfile(path):
                raise UsageError(f"{path}: no such file; configuration and input files must be there when a job starts")

    @property
    def names(self) -> dict[str, str]:
        """The name of each configuration and input file in the recipe, by path."""
        return portable_names((*self.configs, *self.inputs))

    def keep_configs(self, store: ObjectStore) -> tuple[dict[str, Descriptor], Outcome]:
        """Keep the configuration files, without secrets; return them by name, and how that ended."""
        keeper = Keeper(store)
        names = self.names
        kept = {}
        outcome = Outcome(status="captured")
        for path in self.configs:
            if os.path.getsize(path) > _MAX_CONFIG:
                digest, size = digest_of_file(path)
                outcome = Outcome(status="failed", reason=f"{path}: too large to keep, only its digest is")
                kept[names[path]] = Descriptor(mediaType=_MEDIA_TYPE, digest=digest, size=size)
                continue
            with open(path, "rb") as stream:
                text = scrub(stream.read().decode("utf-8", "surrogateescape"))
            if kinds := scrubbed_kinds(text):
                self.scrubbed[f"config {names[path]}"] = ", ".join(kinds)
            kept[names[path]] = keeper.blob(_MEDIA_TYPE, text.encode("utf-8", "surrogateescape"))
        return kept, keeper.failure or outcome

    def read_inputs(self) -> dict[str, str]:
        """Return the digest of each input file by name, as it stands now."""
        self._records = {path: file_record(os.path.abspath(path)) for path in self.inputs}
        return {self.names[path]: record.digest or "" for path, record in self._records.items()}

    def used(self) -> list[Input]:
        """Return the input files as a result has them."""
        return [Input(dataset=r.uri or "", available=True, used=True, file=r) for r in self._records.values()]

    def contents(self) -> dict[str, str | None]:
        """Return the digests of the inputs by name."""
        return {self.names[path]: record.digest for path, record in self._records.items()}

    def written(self, degraded: dict[str, str]) -> tuple[list[Output], list[str]]:
        """Return the output files that are there now, and the paths of those that aren't."""
        found, missing = [], []
        for path in self.outputs:
            try:
                found.append(Output(file=file_record(os.path.abspath(path))))
            except FileNotFoundError:
                missing.append(path)
            except OSError as err:
                degraded[f"output {path}"] = err.strerror or str(err)
        return found, missing


def portable_names(paths: Sequence[str]) -> dict[str, str]:
    """Return a name for each path that holds no place: its last part, numbered where several have the same."""
    names: dict[str, str] = {}
    for path in paths:
        base = os.path.basename(path)
        same = sum(os.path.basename(other) == base for other in names)
        names.setdefault(path, f"{base}#{same + 1}" if same else base)
    return names
