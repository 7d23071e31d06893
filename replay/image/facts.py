# SPDX-License-Identifier: Apache-2.0
"""What is known of the image that a job ran in, from what its launcher or its runtime told the collector."""

from __future__ import annotations

from dataclasses import dataclass

from envcap.errors import EnvcapError
from envcap.model.components import Container

from .. import grammar
from ..grammar import checked
from ..jobs.base import CapturedJob

__all__ = ("ImageFacts", "image_facts")


@dataclass(frozen=True)
class ImageFacts:
    """An image as a manifest names it.

    Attributes
    ----------
    id : `str`
        Digest of its configuration.
    source : `str`
        Who says so.
    references : `tuple` of `str`
        ``NAME@DIGEST`` where a registry has it.
    base : `str` or `None`
        The image that it was built on.
    """

    id: str
    source: str
    references: tuple[str, ...]
    base: str | None


def image_facts(job: CapturedJob) -> ImageFacts | None:
    """Return the image of a job's container; `None` if it ran in none, or nobody said which.

    Raises
    ------
    ReplayRefusedError
        Naming the field whose value is no image.
    """
    try:
        container = job.component("container", Container)
    except EnvcapError:
        return None
    ids = [hint for hint in container.hints if hint.claim == "image_id" and hint.value]
    if not ids:
        return None
    value = str(ids[0].value)
    found = checked("container.image_id", value if ":" in value else f"sha256:{value}", grammar.DIGEST)
    told = {
        claim: [str(h.value) for h in container.hints if h.claim == claim and h.value]
        for claim in ("reference", "base")
    }
    references = tuple(
        checked("container.reference", one, grammar.IMAGE) for one in told["reference"] if "@sha256:" in one
    )
    base = checked("container.base", told["base"][0], grammar.IMAGE) if told["base"] else None
    return ImageFacts(found, ids[0].source, references, base)
