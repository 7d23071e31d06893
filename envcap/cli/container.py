# SPDX-License-Identifier: Apache-2.0
"""Say what a container's image is, and which Dockerfiles it comes from, as the engine outside knows it.

Nothing inside a container knows its image. So whoever starts one can hand the facts in, and the manifests of the jobs
inside then say so:

  docker run --env "$(envcap container inspect IMAGE --hand-over)" IMAGE envcap run -- reduce.py

The commit of a Dockerfile is read from /etc/envcap/image.json in the image ("dockerfile_commit"), else from the label
org.opencontainers.image.revision. What may have been inherited from a base counts for nothing: then it is unknown.

Examples
--------
  envcap container inspect python:3.13-slim
  envcap container inspect 4f1c0a9b2d3e --json
"""

from __future__ import annotations

import argparse
import sys

from ..collectors.container_signs import HANDED_OVER
from ..images.engine import ImageEngine
from ..images.facts import ImageFacts, hand_over
from ..images.lineage import UNKNOWN, Origin, lineage
from .dispatch import add_json, print_json

__all__ = ("add_arguments", "run")

_COLOURS = {UNKNOWN: "yellow", "baked": "green", "label": "green"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument("verb", choices=("inspect",), help="what to do")
    parser.add_argument("name", metavar="ID", help="a container's or an image's id or name")
    parser.add_argument("--hand-over", action="store_true", help=f"print {HANDED_OVER}=…, for 'docker run --env'")
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Look and print."""
    engine = ImageEngine()
    container = engine.container(arguments.name)
    image = engine.image(container[1] if container else arguments.name)
    found = lineage(image, (one for one in engine.images() if one.id != image.id))
    if arguments.hand_over:
        sys.stdout.write(hand_over(image, [(one.name, one.commit) for one in found]) + "\n")
    elif arguments.json:
        document = {**image.to_json(), "lineage": [one.to_json() for one in found]}
        print_json({**document, "container": container[0]} if container else document)
    else:
        _print(image, found, container[0] if container else None)
    return 0


def _print(image: ImageFacts, found: list[Origin], container: str | None) -> None:
    from .console import console, section, table

    out = console(stderr=False)
    rows = [("container", container)] if container else []
    rows += [("image", image.id), ("platform", image.platform), ("layers", str(len(image.layers)))]
    rows += [("name", one) for one in image.names]
    rows += [("in a registry", one) for one in image.references] or [("in a registry", "no: only this engine has it")]
    out.print(section("container" if container else "image", rows))
    made = [(one.name, one.commit or "", one.source, one.reason) for one in found]
    out.print(table(("image, then what it was built on", "Dockerfile commit", "", ""), made, colours=_COLOURS))
