# SPDX-License-Identifier: Apache-2.0
"""The layer ``numerics`` of a verdict: what was in effect in the replay against what was in the job."""

from __future__ import annotations

from collections.abc import Sequence

from envcap.collectors.numerics_probe import LIBM, is_numerical
from envcap.model.components import NumericsOfProcess
from envcap.printable import printable

from ..fidelity import Fidelity, Layer
from ..jobs.base import CapturedJob
from ..jobs.quantum import CapturedQuantum
from .differences import differences
from .reading import ReadBack
from .wanted import Wanted

__all__ = ("effective_layer", "in_effect")


def effective_layer(job: CapturedJob, asked: Layer, found: ReadBack, reasons: Sequence[str] = ()) -> Layer:
    """Return the layer, once the payload has run.

    Parameters
    ----------
    job : `CapturedJob`
    asked : `Layer`
        What was asked for, and pinned: it can be no better than this.
    found : `ReadBack`
    reasons : sequence of `str`
        Why something could not be pinned. They are told if something differs.
    """
    wanted = Wanted.of_job(job)
    if asked.fidelity > Fidelity.REBUILT:
        return asked
    if wanted.unknown is not None:
        # Where nobody could look, the layer speaks of what was asked for alone, as the manifest does.
        close = Fidelity.SUBSTITUTED if wanted.looked or reasons else asked.fidelity
        told = f"what was in effect when the job ran is not known: {wanted.unknown}"
        return Layer(asked.name, close, "; ".join((asked.detail, told)))
    if found.reason is not None:
        told = f"what was in effect could not be read back: {found.reason}"
        return Layer(asked.name, Fidelity.SUBSTITUTED, "; ".join((asked.detail, told)))
    processes = [one for one in found.processes if is_numerical(one.data)] or found.processes
    different = differences(wanted, processes, is_shared=isinstance(job, CapturedQuantum))
    if different:
        return Layer(asked.name, Fidelity.SUBSTITUTED, "; ".join((asked.detail, *different, *reasons)))
    return Layer(asked.name, Fidelity.EXACT, f"{asked.detail}; read back: {printable(in_effect(processes), '')}")


def in_effect(processes: Sequence[NumericsOfProcess]) -> str:
    """Return kernels and threads in a few words."""
    told = {
        f"{library.kernel or library.library}{_on(library.threads)}"
        for one in processes
        for library in one.libraries
        if library.kind != LIBM
    }
    return ", ".join(sorted(told)) or "no numerical library"


def _on(threads: int | None) -> str:
    return f" on {threads} thread{'s' if threads > 1 else ''}" if threads else ""
