# SPDX-License-Identifier: Apache-2.0
"""The wheels of the job's distributions, and of pip, which installs them."""

from __future__ import annotations

from collections.abc import Sequence

from envcap.errors import EnvcapError

from ... import grammar
from ...errors import BuildError
from ...grammar import checked
from ...wheels.gathering import WheelGatherer
from ..parts.base import Entry, Packing, Part, Unpacking

__all__ = ("WheelsPart",)


class WheelsPart(Part):
    """Wheels by file name."""

    kinds = ("wheel",)

    def pack(self, packing: Packing) -> None:
        """Put the wheels in, fetched where they aren't kept."""
        if not packing.job.has_python:
            return
        gatherer = WheelGatherer(packing.wheelhouse, offline=packing.options.offline)
        with packing.progress.step("gather wheels"):
            wheels, reasons = gatherer.gather(packing.job)
        for name, why in reasons.items():
            packing.left_out.append((f"wheel of {name}", why))
        try:
            wheels.append(gatherer.pip())
        except BuildError as err:
            packing.left_out.append(("wheel of pip", str(err)))
        scratch = packing.wheelhouse.scratch()
        try:
            for wheel in wheels:
                path = packing.wheelhouse.export(wheel, scratch)
                packing.add_file("wheel", wheel.file_name, path)
                path.unlink()
        finally:
            scratch.rmdir()

    def unpack(self, entries: Sequence[Entry], unpacking: Unpacking) -> None:
        """Put the wheels into the wheelhouse, which proves each: it may be another than its name says."""
        for entry in unpacking.present(entries):
            path = unpacking.scratch / checked("bundle: wheel", entry.name, grammar.WHEEL)
            unpacking.reader.extract(entry.digest, path)
            try:
                unpacking.wheelhouse.adopt(path)
            except EnvcapError as err:
                unpacking.lacking.append(f"{entry.name} ({err})")
                path.unlink(missing_ok=True)
