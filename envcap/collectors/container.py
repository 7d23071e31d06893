# SPDX-License-Identifier: Apache-2.0
"""The container that the job runs in, as far as that shows from inside.

What its image is can't be known for sure there: hardly any runtime names it, and none proves it. Who launched the
container knows. What is recorded are hints, each with its source and what it is worth. What differs from one container
of an image to the next is no part of the component.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from ..errors import CollectorError
from ..model.components import Container, ContainerHint
from ..target import Target
from .base import Absent, Collected, Collector, Keep
from .container_signs import HIGH, LOW, MEDIUM, MOUNTS, Attribute, Sign, Signs

__all__ = ("INSTANCE_CLAIMS", "ContainerCollector")

INSTANCE_CLAIMS = ("id", "sandbox", "name", "pod")
"""What differs from one container of an image to the next."""

_RANK = {HIGH: 0, MEDIUM: 1, LOW: 2}
_EXCLUSIVE = ("runtime", "id", "sandbox", "pod", "image_id")
# These contradict nothing: OCI names a family of runtimes, and under WSL any of the others may run.
_GENERAL = ("oci", "wsl")


class ContainerCollector(Collector):
    """Reads what the kernel, the runtime, the image and the environment say.

    Parameters
    ----------
    root : `str`
        Where the paths begin.
    attribute : callable, optional
        Reads an extended attribute.
    """

    kind = "container"
    layer = "host"

    def __init__(self, root: str = "/", attribute: Attribute = os.getxattr) -> None:
        self._root = root
        self._attribute = attribute

    def collect(self, target: Target, keep: Keep) -> Collected:
        """Return the hints, with the container's own ids and names apart."""
        signs = Signs(self._root, target.environ, self._attribute)
        if not signs.found and MOUNTS in signs.failed:
            raise CollectorError(f"whether this is a container can't be told: {MOUNTS}: {signs.failed[MOUNTS]}")
        if not signs.found and not signs.failed:
            raise Absent("no sign of a container")
        found = sorted(signs.found, key=lambda sign: _RANK[sign.confidence])
        conflicts = filter(None, (_conflict(found, claim) for claim in _EXCLUSIVE))
        component = Container(
            runtime=_runtime(found),
            hints=_hints(found),
            conflict="; ".join(conflicts) or None,
            failed=signs.failed,
        )
        return Collected(component, {"images": signs.images} if signs.images else None, _instance(found))


def _runtime(found: Sequence[Sign]) -> str | None:
    """Return the runtime that the strongest sign names. What anybody could have set is no reason to name one."""
    named = [sign.value for sign in found if sign.claim == "runtime" and sign.confidence != LOW]
    special = [name for name in named if name not in _GENERAL]
    return next(iter(special or named), None)


def _hints(found: Sequence[Sign]) -> list[ContainerHint]:
    told = {
        (sign.claim, sign.source, sign.confidence, None if sign.claim in INSTANCE_CLAIMS else sign.value)
        for sign in found
    }
    return [
        ContainerHint(source=source, claim=claim, value=value, confidence=confidence)
        for claim, source, confidence, value in sorted(told, key=lambda hint: (*hint[:3], hint[3] or ""))
    ]


def _instance(found: Sequence[Sign]) -> dict[str, str]:
    """Return each claim's best value, and beside it what other sources say instead."""
    instance: dict[str, str] = {}
    for sign in found:
        if sign.claim in INSTANCE_CLAIMS and not _agree(instance.setdefault(sign.claim, sign.value), sign.value):
            instance[f"{sign.claim} by {sign.source}"] = sign.value
    return instance


def _conflict(found: Sequence[Sign], claim: str) -> str | None:
    """Say which sources contradict the best one, without what differs from container to container."""
    told = [sign for sign in found if sign.claim == claim and sign.value not in _GENERAL]
    against = [sign for sign in told[1:] if not _agree(told[0].value, sign.value)]
    if not against:
        return None
    return f"{claim}: {_told(told[0])}, but {', '.join(map(_told, against))}"


def _told(sign: Sign) -> str:
    source = f"{sign.source} ({sign.confidence})"
    return f"one by {source}" if sign.claim in INSTANCE_CLAIMS else f"{sign.value} by {source}"


def _agree(one: str, other: str) -> bool:
    """Whether two values are the same, or one is the beginning of the other, as of an id in a host name."""
    return one.startswith(other) or other.startswith(one)
