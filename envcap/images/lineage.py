# SPDX-License-Identifier: Apache-2.0
"""From an image to the commit of its Dockerfile, and on to that of its base, down to the last that is known.

Nothing is guessed. What an image says of itself may be what its base said: labels and files are inherited. So a commit
counts only if the nearest known ancestor says another one, or none, or if the image was made in one step and has no
ancestor. An ancestor is an image whose layers *and* history both begin the other's: layers alone would also name a
sibling that differs in nothing but its settings. A tag is never asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from .facts import ImageFacts

__all__ = ("COMMIT", "REVISION", "UNKNOWN", "Origin", "lineage", "nearest_ancestor")

COMMIT = "dockerfile_commit"
"""The member of ``/etc/envcap/image.json`` that names the commit."""
REVISION = "org.opencontainers.image.revision"
"""The label that does (OCI image specification, "Annotations")."""
UNKNOWN = "unknown"
_STEPS = "steps"


@dataclass(frozen=True)
class Origin:
    """Where one image of a lineage comes from.

    Attributes
    ----------
    image : `ImageFacts`
    commit : `str` or `None`
        Of its Dockerfile.
    source : `str`
        ``baked``, ``label`` or ``unknown``.
    reason : `str`
        Why it is believed, or why nothing is.
    """

    image: ImageFacts
    commit: str | None
    source: str
    reason: str

    @property
    def name(self) -> str:
        """What the image is called where it can be fetched, else what it is."""
        return next(iter(self.image.references), self.image.id)

    def to_json(self) -> dict[str, object]:
        """Return the origin as JSON."""
        return {
            "image": self.image.id,
            "name": self.name,
            "commit": self.commit,
            "source": self.source,
            "reason": self.reason,
        }


def lineage(image: ImageFacts, known: Iterable[ImageFacts]) -> list[Origin]:
    """Return the origins of an image and of all its known ancestors, nearest first.

    Parameters
    ----------
    image : `ImageFacts`
    known : iterable of `ImageFacts`
        Images that may be ancestors, in any order.
    """
    candidates = list(known)
    found = []
    current: ImageFacts | None = image
    while current is not None:
        ancestor = nearest_ancestor(current, candidates)
        found.append(_origin(current, ancestor))
        current = ancestor
    return found


def nearest_ancestor(image: ImageFacts, known: Iterable[ImageFacts]) -> ImageFacts | None:
    """Return the known image that another one was built on; `None` if there is none."""
    below = [one for one in known if _is_below(one, image)]
    return max(below, key=lambda one: (len(one.history), one.id), default=None)


def _is_below(one: ImageFacts, image: ImageFacts) -> bool:
    return (
        0 < len(one.history) < len(image.history)
        and len(one.layers) > 0
        and one.history == image.history[: len(one.history)]
        and one.layers == image.layers[: len(one.layers)]
    )


def _origin(image: ImageFacts, ancestor: ImageFacts | None) -> Origin:
    reasons = []
    readers: tuple[tuple[str, Callable[[ImageFacts], Mapping[str, str]], str], ...] = (
        ("baked", lambda one: one.baked, COMMIT),
        ("label", lambda one: one.labels, REVISION),
    )
    for source, read, name in readers:
        commit = read(image).get(name)
        if commit is None:
            reasons.append(f"no {source} commit")
        elif ancestor is not None and read(ancestor).get(name) == commit:
            reasons.append(f"its {source} commit is also that of {ancestor.id[:19]}…, and may be inherited")
        elif ancestor is not None:
            return Origin(image, commit, source, f"its base {ancestor.id[:19]}… says otherwise")
        elif len(image.history) == 1:
            return Origin(image, commit, source, "it was made in one step, on nothing")
        elif source == "baked" and read(image).get(_STEPS) == str(len(image.history)):
            return Origin(image, commit, source, "it counts its own steps")
        else:
            reasons.append(f"its {source} commit may be inherited from a base that is not known here")
    return Origin(image, None, UNKNOWN, "; ".join(reasons))
