# SPDX-License-Identifier: Apache-2.0
"""An image as an engine describes it, reduced to what tells one image from another."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..collectors.container_signs import HANDED_OVER
from ..redact import scrub, scrub_document

__all__ = ("ImageFacts", "Step", "hand_over")


@dataclass(frozen=True)
class Step:
    """One entry of an image's history (OCI image specification, "History"), whoever looks at it later."""

    created: str
    created_by: str


@dataclass(frozen=True)
class ImageFacts:
    """What is known of an image.

    Attributes
    ----------
    id : `str`
        Digest of its configuration: what it is. A tag only says what it is called.
    layers : `tuple` of `str`
        Diff ids, lowest first.
    history : `tuple` of `Step`
        Oldest first.
    references : `tuple` of `str`
        ``NAME@DIGEST`` of registries that it was pulled from or pushed to; empty for a local image.
    names : `tuple` of `str`
    labels : mapping
    platform : `str`
    baked : mapping
        ``/etc/envcap/image.json`` in the image: what it, or an image below it, says of itself.
    """

    id: str
    layers: tuple[str, ...]
    history: tuple[Step, ...]
    references: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    platform: str = ""
    baked: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, object]:
        """Return the facts as JSON, without credentials: build arguments stand in histories."""
        found: dict[str, object] = {
            "id": self.id,
            "references": list(self.references),
            "names": list(self.names),
            "platform": self.platform,
            "layers": list(self.layers),
            "history": [{"created": s.created, "created_by": s.created_by} for s in self.history],
            "labels": dict(self.labels),
            "baked": dict(self.baked),
        }
        return dict(scrub_document(found)[0])


def hand_over(image: ImageFacts, ancestors: Sequence[tuple[str, str | None]]) -> str:
    """Return the assignment that tells a container which image it is: ``docker run --env "$(…)"``.

    Parameters
    ----------
    image : `ImageFacts`
    ancestors : sequence of `tuple`
        Reference or id of each image below it, nearest first, and its Dockerfile's commit where that is known. The
        first entry is the image itself.
    """
    told: dict[str, object] = {"id": image.id, "references": [scrub(one) for one in image.references]}
    if commits := [commit for _, commit in ancestors if commit]:
        told["dockerfile_commits"] = commits
    if len(ancestors) > 1:
        told["base"] = scrub(ancestors[1][0])
    return f"{HANDED_OVER}={json.dumps(told, separators=(',', ':'), sort_keys=True)}"
