# SPDX-License-Identifier: Apache-2.0
"""Write what a job ran in a format that others read.

Formats:
  eups       a shell script that sets up the products that EUPS had set up, in their order
  eups-tags  a tag file of these products, for 'setup -t FILE PRODUCT'
  eups-env   what EUPS had made of the environment, as plain exports
  explicit   the addresses of conda's packages, for 'conda create --file' and its kind
  conda-lock conda's packages, and what pip had installed beside them, for 'conda-lock install' (version 1)
  pylock     the wheels of Python distributions (pylock.toml, PEP 751), for 'pip' and 'uv pip sync'
  requirements  the same with hashes, for 'pip install --require-hashes --no-deps'

Which wheel a distribution came from is proved by asking the index, unless that was done before ('envcap run --prove').
What can't be written is named, and the exit status is 1.

Examples
--------
  envcap export @last --format eups -o products.sh
  envcap export coadd.fits --format eups-env
  envcap export @last --format pylock -o pylock.toml
"""

from __future__ import annotations

import argparse
import sys

from ..exporters.registry import EXPORTERS
from ..store.index import Index
from ..store.selector import resolve
from .dispatch import add_store, store_of

__all__ = ("add_arguments", "run")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument(
        "selector", metavar="SELECTOR", help="job:, attempt:, quantum:, dataset:, path:, sha256: or @last"
    )
    formats = [one.format for one in EXPORTERS]
    parser.add_argument("--format", required=True, choices=formats, metavar="FORMAT", help=", ".join(formats))
    parser.add_argument("-o", "--output", metavar="FILE", help="where to write it (default: standard output)")
    add_store(parser)


def run(arguments: argparse.Namespace) -> int:
    """Write the file."""
    index = Index(store_of(arguments))
    exporter = next(one for one in EXPORTERS if one.format == arguments.format)()
    exported = exporter.export(resolve(index, arguments.selector), index.store)
    if arguments.output:
        with open(arguments.output, "w", encoding="utf-8") as stream:
            stream.write(exported.text)
    else:
        sys.stdout.write(exported.text)
    for what, why in exported.left_out.items():
        sys.stderr.write(f"envcap export: left out: {what}: {why}\n")
    return 1 if exported.left_out else 0
