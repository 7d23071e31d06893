# SPDX-License-Identifier: Apache-2.0
"""The Debian packages whose libraries the job loaded."""

from __future__ import annotations

from collections.abc import Sequence

from envcap.errors import EnvcapError

from ... import grammar
from ...debs.gathering import DebGatherer, kept_debs, locked_debs
from ...debs.used import os_packages_of, used_packages
from ...grammar import checked
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
        kept = kept_debs()
        with packing.progress.step("gather packages of the operating system"):
            gatherer = DebGatherer(kept, offline=packing.options.offline)
            found, reasons = gatherer.gather(locked_debs(used_packages(packing.job)))
        packing.left_out += [(f"package {one.title}", why) for one, why in reasons.items()]
        scratch = kept.scratch()
        try:
            for one, digest in found.items():
                path = scratch / one.file_name
                kept.export(digest, path)
                packing.add_file("deb", one.file_name, path)
                path.unlink()
        finally:
            scratch.rmdir()

    def unpack(self, entries: Sequence[Entry], unpacking: Unpacking) -> None:
        """Keep the packages by name: whoever vouches for the bundle vouches for them."""
        kept = kept_debs()
        for entry in unpacking.present(entries):
            path = unpacking.scratch / checked("bundle: package", entry.name, grammar.DEB_FILE)
            unpacking.reader.extract(entry.digest, path)
            try:
                kept.adopt(path, entry.digest.partition(":")[2], name=entry.name)
            except EnvcapError as err:
                unpacking.lacking.append(f"{entry.name} ({err})")
                path.unlink(missing_ok=True)
