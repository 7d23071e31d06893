# SPDX-License-Identifier: Apache-2.0
"""How close a replay is to the job, layer by layer. Nothing is downgraded silently."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from envcap import html

__all__ = ("Fidelity", "Layer", "layers_as_html", "worst")


class Fidelity(IntEnum):
    """From the closest to none (DESIGN section 2)."""

    EXACT = 0
    """The same bytes, by digest."""
    REBUILT = 1
    """The same locked artifacts, assembled anew."""
    SUBSTITUTED = 2
    """Something differs, and is named."""
    IMPOSSIBLE = 3
    """It can't be had; the reason is given."""

    def __str__(self) -> str:
        return self.name.lower()


@dataclass(frozen=True)
class Layer:
    """One layer of a job's environment.

    Attributes
    ----------
    name : `str`
        A collector's kind, ``configuration`` or ``inputs``.
    fidelity : `Fidelity`
    detail : `str`
        One line: what it is, what differs, or why it is impossible.
    """

    name: str
    fidelity: Fidelity
    detail: str

    def to_json(self) -> dict[str, str]:
        """Return the layer as JSON."""
        return {"layer": self.name, "fidelity": str(self.fidelity), "detail": self.detail}


def layers_as_html(layers: Iterable[Layer]) -> str:
    """Return the fidelity of each layer as a notebook shows it."""
    rows = [(layer.name, html.Badge(layer.fidelity), layer.detail) for layer in layers]
    return html.table(("layer", "fidelity", ""), rows)


def worst(layers: Iterable[Layer]) -> Fidelity:
    """Return the fidelity of the least faithful layer."""
    return max((layer.fidelity for layer in layers), default=Fidelity.EXACT)
