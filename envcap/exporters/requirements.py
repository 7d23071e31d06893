# SPDX-License-Identifier: Apache-2.0
"""Requirements with hashes, for ``pip install --require-hashes --no-deps``, as pip-tools formats them.

pip-compile would list every file that an index has of a version; here is the one that was installed.
"""

from __future__ import annotations

from ..errors import UsageError
from ..store.base import ObjectStore
from ..store.index import Attempt
from .artifacts import artifacts_of, why_left_out
from .base import Exported, Exporter

__all__ = ("RequirementsExporter",)


class RequirementsExporter(Exporter):
    """A line for each distribution that came from an index or an archive."""

    format = "requirements"
    suffix = ".txt"

    def export(self, attempt: Attempt, store: ObjectStore) -> Exported:
        """Return the requirements; what pip can't check by a hash is left out."""
        try:
            from pip._internal.req.constructors import install_req_from_line
            from piptools.utils import format_requirement
        except ImportError as err:
            told = f"requirements are formatted by pip-tools: pip install 'envcap[export]' ({err})"
            raise UsageError(told) from err
        lines, left_out = [], {}
        for one in artifacts_of(attempt, store).artifacts:
            if one.sha256 and one.origin in ("index", "archive"):
                pin = f"{one.name}=={one.version}" if one.origin == "index" else f"{one.name} @ {one.url}"
                lines.append(format_requirement(install_req_from_line(pin), hashes={f"sha256:{one.sha256}"}))
            elif one.origin != "conda":
                left_out[f"{one.name} {one.version}"] = why_left_out(one)
        head = "# The very files that were installed: pip install --require-hashes --no-deps --requirement FILE"
        return Exported("\n".join([head, *lines]) + "\n", left_out)
