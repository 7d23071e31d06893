# SPDX-License-Identifier: Apache-2.0
"""Write what a job ran in a format that others read.

Formats:
  eups       a shell script that sets up the products that EUPS had set up, in their order
  eups-tags  a tag file of these products, for 'setup -t FILE PRODUCT'
  eups-env   what EUPS had made of the environment, as plain exports

Examples
--------
  envcap export @last --format eups -o products.sh
  envcap export coadd.fits --format eups-env
"""

from __future__ import annotations

import argparse
import sys

from ..exporters.registry import EXPORTERS
from ..store.base import default_store
from ..store.index import Index
from ..store.local import LocalStore
from ..store.selector import resolve
from .dispatch import add_store

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
    index = Index(LocalStore.existing(arguments.store or default_store()))
    exporter = next(one for one in EXPORTERS if one.format == arguments.format)()
    text = exporter.export(resolve(index, arguments.selector), index.store)
    if arguments.output:
        with open(arguments.output, "w", encoding="utf-8") as stream:
            stream.write(text)
    else:
        sys.stdout.write(text)
    return 0
