# SPDX-License-Identifier: Apache-2.0
"""For notebooks: what to type in a cell."""

from __future__ import annotations

from .base import PrintedHook, absolute

__all__ = ("JupyterHook",)


class JupyterHook(PrintedHook):
    """The lines by which a notebook's cells become jobs."""

    system = "jupyter"

    def text(self, store: str | None) -> str:
        """Return the lines."""
        where = f" --store {absolute(store)!r}" if store else ""
        return (
            "# In the kernel's environment: pip install 'envcap[notebook]'. Then in a notebook, once:\n"
            "%load_ext envcap\n"
            "# and at the top of each cell that is to be a job:\n"
            f"%%capture_job{where} --input raw.fits --output coadd.fits -o job\n"
        )
