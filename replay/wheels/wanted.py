# SPDX-License-Identifier: Apache-2.0
"""Which of a job's distributions wheels bring."""

from __future__ import annotations

from envcap.model.components import Distribution

from ..conda.packages import locked_packages
from ..jobs.base import CapturedJob

__all__ = ("wanted_wheels",)


def wanted_wheels(job: CapturedJob) -> list[Distribution]:
    """Return the distributions to install: an editable one is code, and conda's come with a prefix that is made anew.

    Raises
    ------
    ReplayRefusedError
        Naming the field of a package of conda's that is not what it should be.
    """
    with_prefix = bool(locked_packages(job))
    found = (one for one in job.dists.distributions if not one.editable)
    return [one for one in found if not (with_prefix and one.manager == "conda")]
