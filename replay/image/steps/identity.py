# SPDX-License-Identifier: Apache-2.0
"""What an image says of itself: in a file that can be read inside, and in labels that can be read outside."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from ..recipe import GENERATOR, PREFIX, USER, ImageRecipe
from .base import Ingredients, Step

__all__ = ("IdentityStep",)


class IdentityStep(Step):
    """``/etc/envcap/image.json``, labels, and an ordinary user."""

    name = "identity"

    def values(self, recipe: ImageRecipe) -> Mapping[str, str]:
        """Return the labels."""
        labels = {
            "io.envcap.generator": GENERATOR,
            "io.envcap.inputs": recipe.digest,
            "org.opencontainers.image.base.digest": recipe.base_id,
            "org.opencontainers.image.base.name": recipe.base,
        }
        written = " \\\n      ".join(f'{name}="{value}"' for name, value in labels.items())
        return {"labels": written, "user": USER, "prefix": PREFIX}

    def write(self, recipe: ImageRecipe, ingredients: Ingredients, folder: Path) -> None:
        """Write the file; its members are texts, as the collector ``container`` reads them."""
        found = {"generator": GENERATOR, "inputs": recipe.digest, "base": recipe.base, "base_id": recipe.base_id}
        (folder / "image.json").write_text(json.dumps(found, indent=2, sort_keys=True) + "\n", encoding="utf-8")
