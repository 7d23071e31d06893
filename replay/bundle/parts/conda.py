# SPDX-License-Identifier: Apache-2.0
"""The files of the packages that the job's conda prefix is made of."""

from __future__ import annotations

from collections.abc import Sequence

from ... import grammar
from ...conda.gathering import CondaGatherer, kept_packages
from ...conda.packages import locked_packages
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
        with packing.progress.step("gather packages of conda's"):
            found, reasons = CondaGatherer(kept_packages(), offline=packing.options.offline).gather(packages)
        packing.left_out += [(f"conda package {one.title}", why) for one, why in reasons.items()]
        packing.add_kept("conda-package", kept_packages(), {one.file_name: digest for one, digest in found.items()})

    def unpack(self, entries: Sequence[Entry], unpacking: Unpacking) -> None:
        """Keep the packages: each is found again by the digest that the manifest has of it."""
        unpacking.keep(entries, kept_packages(), grammar.CONDA_FILE, by_name=False)
