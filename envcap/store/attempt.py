# SPDX-License-Identifier: Apache-2.0
"""One attempt as a reader of a store gets it: its documents, and who vouches for them."""

from __future__ import annotations

from ..model.manifest import Manifest
from ..model.recipe import Recipe
from ..model.result import Result
from ..printable import printable
from .base import ObjectStore
from .state import state_of

__all__ = ("Attempt",)


class Attempt:
    """One attempt as the store knows it.

    Attributes
    ----------
    manifest : `Manifest`
    result : `Result` or `None`
        `None` while it runs, or when it died without a word.
    recipe : `Recipe`
    digest, result_digest : `str`
        Of the manifest and of the result.
    seal, result_seal : `str` or `None`
        What a key vouches with for each (`envcap.trust`).
    store : `ObjectStore` or `None`
        Where the components are.
    """

    store: ObjectStore | None = None
    result_digest: str | None = None
    seal: str | None = None
    result_seal: str | None = None

    def __init__(self, manifest: Manifest, recipe: Recipe, result: Result | None, digest: str) -> None:
        self.manifest = manifest
        self.recipe = recipe
        self.result = result
        self.digest = digest

    @property
    def state(self) -> str:
        """``ok``, ``failed``, ``running``, ``unknown`` or ``lost`` (DESIGN section 2)."""
        return self.result.status if self.result else state_of(self.manifest.writer)

    @property
    def degraded(self) -> bool:
        """Whether something of it could not be captured."""
        return self.manifest.degraded or bool(self.result and self.result.degraded)

    def __repr__(self) -> str:
        told = f"<{self.manifest.job.kind} {self.manifest.job.name}: {self.state}, attempt {self.manifest.attempt}>"
        return printable(told, "")

    def _repr_html_(self) -> str:
        from .. import html
        from ..describe import sections

        (title, ((_, state), *rows)), *rest = sections(self, self.store)
        # What ran is known to whoever sees the cell, and where it ran decides least.
        folded = (html.section(name, found, opened=False if name in ("code", "host") else None) for name, found in rest)
        return html.page(title, html.table((), rows), *folded, badge=state)
