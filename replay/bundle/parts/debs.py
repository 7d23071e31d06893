# SPDX-License-Identifier: Apache-2.0
"""The Debian packages whose libraries the job loaded."""

from __future__ import annotations

from collections.abc import Sequence

from ... import grammar
from ...debs.gathering import DebGatherer, kept_debs, locked_debs
from ...debs.used import os_packages_of, used_packages
from .base import Entry, Packing, Part, Unpacking

__all__ = ("DebsPart",)


class DebsPart(Part):
    """Packages by file name."""

    kinds = ("deb",)

    def pack(self, packing: Packing) -> None:
        """Put the packages in, fetched where they aren't kept."""
        installed = os_packages_of(packing.job)
        if installed is None or installed.manager != "dpkg":
            return
        with packing.progress.step("gather packages of the operating system"):
            gatherer = DebGatherer(kept_debs(), offline=packing.options.offline)
            found, reasons = gatherer.gather(locked_debs(used_packages(packing.job)))
        packing.left_out += [(f"package {one.title}", why) for one, why in reasons.items()]
        packing.add_kept("deb", kept_debs(), {one.file_name: digest for one, digest in found.items()})

    def unpack(self, entries: Sequence[Entry], unpacking: Unpacking) -> None:
        """Keep the packages by name and version, which is all that a manifest has of them."""
        unpacking.keep(entries, kept_debs(), grammar.DEB_FILE, by_name=True)
