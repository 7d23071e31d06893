# SPDX-License-Identifier: Apache-2.0
"""The files of the packages that the job's conda prefix is made of."""

from __future__ import annotations

from collections.abc import Sequence

from envcap.errors import EnvcapError

from ... import grammar
from ...conda.gathering import CondaGatherer, kept_packages
from ...conda.packages import locked_packages
from ...grammar import checked
from .base import Entry, Packing, Part, Unpacking

__all__ = ("CondaPart",)


class CondaPart(Part):
    """Packages by file name."""

    kinds = ("conda-package",)

    def pack(self, packing: Packing) -> None:
        """Put the packages in, fetched where they aren't kept."""
        packages = locked_packages(packing.job)
        if not packages:
            return
        kept = kept_packages()
        with packing.progress.step("gather packages of conda's"):
            found, reasons = CondaGatherer(kept, offline=packing.options.offline).gather(packages)
        packing.left_out += [(f"conda package {one.title}", why) for one, why in reasons.items()]
        scratch = kept.scratch()
        try:
            for one, digest in found.items():
                path = scratch / one.file_name
                kept.export(digest, path)
                packing.add_file("conda-package", one.file_name, path)
                path.unlink()
        finally:
            scratch.rmdir()

    def unpack(self, entries: Sequence[Entry], unpacking: Unpacking) -> None:
        """Keep the packages: each is found again by the digest that the manifest has of it, and by no name."""
        kept = kept_packages()
        for entry in unpacking.present(entries):
            path = unpacking.scratch / checked("bundle: conda package", entry.name, grammar.CONDA_FILE)
            unpacking.reader.extract(entry.digest, path)
            try:
                kept.adopt(path, entry.digest.partition(":")[2])
            except EnvcapError as err:
                unpacking.lacking.append(f"{entry.name} ({err})")
                path.unlink(missing_ok=True)
