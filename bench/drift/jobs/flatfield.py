# SPDX-License-Identifier: Apache-2.0
"""The flat field."""


def flatten(counts: float) -> float:
    """Divide by the response."""
    return counts / 0.97
