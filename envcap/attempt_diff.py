# SPDX-License-Identifier: Apache-2.0
"""The difference of two attempts, as people and programs read it."""

from __future__ import annotations

from collections.abc import Sequence

from . import html
from .printable import printable
from .store.index import Attempt

__all__ = ("AttemptDiff", "Change", "LayerDiff")

_MAX_SHOWN = 200
"""Most changes of a layer that a notebook shows."""


class Change:
    """One difference: what it is, and the values before and after; a dash where there is none."""

    def __init__(self, name: str, before: str, after: str) -> None:
        self.name = name
        self.before = before
        self.after = after

    def to_json(self) -> dict[str, str]:
        """Return the change as JSON."""
        return {"name": self.name, "before": self.before, "after": self.after}


class LayerDiff:
    """The changes of one layer; `unknown` says why it could not be compared."""

    def __init__(self, layer: str, changes: Sequence[Change] = (), unknown: str | None = None) -> None:
        self.layer = layer
        self.changes = list(changes)
        self.unknown = unknown

    @property
    def identical(self) -> bool:
        """Whether the layer is the same in both."""
        return not self.changes and self.unknown is None

    def to_json(self) -> dict[str, object]:
        """Return the layer as JSON."""
        found: dict[str, object] = {"layer": self.layer, "identical": self.identical}
        found["changes"] = [change.to_json() for change in self.changes]
        return {**found, "unknown": self.unknown} if self.unknown else found


class AttemptDiff:
    """How two attempts differ.

    Attributes
    ----------
    a, b : `Attempt`
    layers : `list` of `LayerDiff`
        The important first.
    """

    def __init__(self, a: Attempt, b: Attempt, layers: Sequence[LayerDiff]) -> None:
        self.a = a
        self.b = b
        self.layers = list(layers)

    @property
    def identical(self) -> bool:
        """Whether no layer differs."""
        return all(layer.identical for layer in self.layers)

    def to_json(self) -> dict[str, object]:
        """Return the difference as JSON."""
        layers = [layer.to_json() for layer in self.layers]
        return {
            "a": self.a.manifest.attempt,
            "b": self.b.manifest.attempt,
            "identical": self.identical,
            "layers": layers,
        }

    def __repr__(self) -> str:
        names = ", ".join(layer.layer for layer in self.layers if not layer.identical)
        a, b = (f"{one.manifest.job.name} {one.manifest.attempt}" for one in (self.a, self.b))
        return printable(f"<difference of {a} and {b}: {names or 'nothing'}>", "")

    def __str__(self) -> str:
        """Return what differs as text, one line a change."""
        lines = []
        for layer in self.layers:
            if not layer.identical:
                lines += [f"{layer.layer}: can't be compared: {layer.unknown}" if layer.unknown else layer.layer]
                lines += [f"  {change.name}: {change.before} → {change.after}" for change in layer.changes]
        return printable("\n".join([*lines, f"identical: {self._same()}"]))

    def _same(self) -> str:
        return ", ".join(layer.layer for layer in self.layers if layer.identical) or "nothing"

    def _repr_html_(self) -> str:
        jobs = [
            (sign, one.manifest.job.name, html.Badge(one.state), one.manifest.attempt, one.manifest.started)
            for sign, one in (("A", self.a), ("B", self.b))
        ]
        parts = [_layer_as_html(layer) for layer in self.layers if not layer.identical]
        title = f"{self.a.manifest.job.name} · {self.b.manifest.job.name}"
        badge = "identical" if self.identical else "different"
        return html.page(title, html.table((), jobs), *parts, html.message(f"identical: {self._same()}"), badge=badge)


def _layer_as_html(layer: LayerDiff) -> str:
    if layer.unknown:
        return html.message(f"{layer.layer} can't be compared: {layer.unknown}")
    value = html.Code if layer.layer == "code" else str
    rows = [(c.name, value(c.before), value(c.after)) for c in layer.changes[:_MAX_SHOWN]]
    shown = html.table(("", "A", "B"), rows)
    more = len(layer.changes) - _MAX_SHOWN
    if more > 0:
        shown += html.message(f"and {more} more: envcap diff --all")
    few = len(layer.changes) <= html.FEW
    return html.folded(layer.layer if few else f"{layer.layer}: {len(layer.changes)} changes", shown, opened=few)
