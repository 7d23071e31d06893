# SPDX-License-Identifier: Apache-2.0
"""The packages of a conda prefix, each with the Python distributions that it brings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from envcap.model.components import CondaPackage

from ...conda.packages import conda_of
from ...jobs.base import CapturedJob
from ..draft import Draft
from .base import NOTHING, Change, ChangeKind

__all__ = ("CondaChanges",)

_LAYER = "conda"


class CondaChanges(ChangeKind):
    """One change for each package."""

    layer = _LAYER

    def changes(self, a: CapturedJob, b: CapturedJob) -> Iterator[Change]:
        """Yield the packages that differ; nothing unless both jobs ran in a prefix of conda's."""
        captured = conda_of(a), conda_of(b)
        if captured[0] is None or captured[1] is None:
            return
        before, after = ({one.name: one for one in conda.packages} for conda in captured if conda)
        brought = {one.name: dict(one.data) for one in b.dists.distributions if one.manager == _LAYER}
        for name in sorted({*before, *after}):
            pair = before.get(name), after.get(name)
            if pair[0] != pair[1]:
                yield _PackageChange(name, *pair, brought.get(name))


class _PackageChange(Change):
    def __init__(
        self, name: str, before: CondaPackage | None, after: CondaPackage | None, distribution: dict[str, Any] | None
    ) -> None:
        super().__init__(_LAYER, name, *(_told(one) for one in (before, after)))
        self._package = after.data if after else None
        self._distribution = distribution

    def apply(self, draft: Draft) -> None:
        packages = draft.software[_LAYER]
        packages["packages"] = _replaced(packages["packages"], self.name, self._package)
        dists = draft.software["python_dists"]
        own = [one for one in dists["distributions"] if one["name"] == self.name and one.get("manager") == _LAYER]
        if own or self._distribution is not None:
            dists["distributions"] = _replaced(dists["distributions"], self.name, self._distribution)


def _replaced(items: Sequence[dict[str, Any]], name: str, item: Any) -> list[dict[str, Any]]:
    others = [one for one in items if one["name"] != name]
    return sorted([*others, *([dict(item)] if item is not None else [])], key=lambda one: str(one["name"]))


def _told(package: CondaPackage | None) -> str:
    return f"{package.version} {package.build}" if package else NOTHING
