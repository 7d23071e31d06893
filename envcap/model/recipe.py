# SPDX-License-Identifier: Apache-2.0
"""The recipe: what should decide the result, known before the payload starts. Identity, never observation."""

from __future__ import annotations

from collections.abc import Mapping

from ..errors import FormatError
from .components import Command, PythonBlock, RubinQuantum
from .descriptor import Descriptor
from .document import Document, mapping, nested

__all__ = ("Recipe",)


class Recipe(Document, media_type="application/vnd.envcap.recipe.v1+json"):
    """Two attempts of one piece of work in one environment have the same recipe digest, whatever ran them.

    `software` maps a collector's kind to its component; `work` is what was to be done there.
    """

    software: Mapping[str, Descriptor] = mapping(nested(Descriptor))
    work: Mapping[str, object] = mapping()

    @property
    def task(self) -> RubinQuantum | Command | PythonBlock:
        """The work as a document.

        Raises
        ------
        FormatError
            If it is of a kind that this software doesn't know.
        """
        for cls in (RubinQuantum, Command, PythonBlock):
            if self.work.get("mediaType") == cls.media_type:
                return cls.checked(self.work, "$.work")
        raise FormatError(f"$.work: {self.work.get('mediaType')!r} is no kind of work that this software knows")
