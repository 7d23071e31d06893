# SPDX-License-Identifier: Apache-2.0
"""Packages, whoever manages them, and the libraries that they brought."""

from __future__ import annotations

from ..facts import Facts
from .base import Raw, Rule, Weight, by_size

__all__ = ("LibraryRule", "PackageRule")

_MANAGERS = {"python_dists": ("python", "conda"), "conda": ("conda", "python"), "os_packages": ("dpkg", "rpm", "apk")}
_OF_PYTHON = "{base_prefix}/"


class PackageRule(Rule):
    """Weighs packages by whether the job had loaded anything of them."""

    layers = tuple(_MANAGERS)

    def weigh(self, raw: Raw, facts: Facts) -> Weight:
        """Weigh a package."""
        name = raw.name.partition(".")[0] if raw.layer == "os_packages" else raw.name
        owners = [f"{manager} {name}" for manager in _MANAGERS[raw.layer]]
        used = [facts.is_used(owner) for owner in owners]
        system = raw.layer == "os_packages"
        if None in used:
            return Weight(8 if system else 35, ("whether the job used it isn't known",))
        if True not in used:
            return Weight(4 if system else 6, ("the job loaded nothing of it",))
        score, evidence = by_size(30 if system else 66, 30 if system else 62, facts)
        return Weight(score, (*evidence, f"the job loaded it ({owners[used.index(True)]})"))


class LibraryRule(Rule):
    """Weighs libraries: one that no package brought was put there by hand."""

    layers = ("loaded_libraries",)

    def weigh(self, raw: Raw, facts: Facts) -> Weight:
        """Weigh a library."""
        found = [loaded[raw.name] for loaded in facts.libraries if raw.name in loaded]
        owner = next((one.owner for one in found if one.owner), None)
        if owner:
            return Weight(15, (f"{owner} brought it",))
        if raw.name.startswith(_OF_PYTHON):
            return Weight(15, ("the interpreter brought it",))
        return Weight(68, ("no package brought it, and it was really loaded",))
