# SPDX-License-Identifier: Apache-2.0
"""Re-run the processing that made a dataset, with its frozen configuration, and say whether the result is the same.

DATASET is a UUID, a dataset type with --data-id and --collection, or the path of a FITS or Parquet file, which may have
been renamed and moved. Without --run the re-run happens in an isolated repository with the original UUIDs, and REPO is
only read. The exit status is 0 if the outputs are identical, equal or equivalent, 1 if they are different or nothing is
known of the dataset, 2 for a wrong call, 3 if the re-run was refused, 4 if the payload failed or made no output.

Of a quantum that was not captured, Rubin's own records are taken: the quantum graph that --qgraph names, else the
RUN's run_provenance, else the outputs' headers with the RUN's metadata. It then runs in this environment, as it is.

Examples
--------
  rerun-dataset repo 0192f1c2-5a1e-7c8d-9e0f-112233445566
  rerun-dataset repo coadd --data-id instrument=StarCam --data-id detector=0 --collection u/me/first
  rerun-dataset repo ~/renamed.fits --code current
  rerun-dataset repo ~/renamed.fits --pin-math
  rerun-dataset repo ~/renamed.fits --run u/me/again
  rerun-dataset repo ~/renamed.fits --qgraph submit/u/me/first.qg
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence

from envcap.cli.console import console
from envcap.errors import UnknownSelectorError, UsageError
from envcap.store.index import Index
from envcap.store.local import LocalStore
from envcap.store.place import default_store
from envcap.store.selector import resolve

from ..errors import ReplayRefusedError
from ..jobs.quantum import CapturedQuantum
from ..jobs.reconstructed import ReconstructedQuantum
from ..rubin.dataset import find_dataset
from ..rubin.sources.registry import reconstruct
from .judged import run_and_judge
from .options import add_run_options, captured, open_index, options

__all__ = ("add_arguments", "run")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument("repository", metavar="REPO", help="the Butler repository")
    parser.add_argument("dataset", metavar="DATASET", help="UUID, dataset type, or path of a file")
    parser.add_argument("--data-id", metavar="K=V", action="append", default=[], help="a dimension's value")
    parser.add_argument("--collection", metavar="C", action="append", default=[], help="where to look, in order")
    parser.add_argument("--run", metavar="NEW_RUN", help="write to this new RUN of REPO instead")
    parser.add_argument("--qgraph", metavar="FILE", help="the predicted quantum graph, if it was not captured")
    add_run_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Find the dataset's quantum, re-run it and judge."""
    if arguments.run is not None and not arguments.run.strip():
        raise UsageError("--run needs the name of a new RUN")
    index = _open_index(arguments)
    uuid = find_dataset(arguments.repository, arguments.dataset, _data_id(arguments.data_id), arguments.collection)
    # A file that was handed in is what the verdict is about, not the one of that UUID in the repository.
    given = {uuid: os.path.abspath(arguments.dataset)} if os.path.isfile(arguments.dataset) else {}
    job = _find_quantum(arguments, index, uuid, given)
    how = options(arguments, repository=arguments.repository, new_run=arguments.run, given=given)
    return run_and_judge(job, how, as_json=arguments.json)


def _open_index(arguments: argparse.Namespace) -> Index:
    """Return the index of the store; of the user's own one, which needn't be there yet, an empty one."""
    own = LocalStore(default_store())
    if arguments.store or os.environ.get("ENVCAP_STORE") or os.path.exists(own.root):
        return open_index(arguments)
    return Index(own)


def _find_quantum(arguments: argparse.Namespace, index: Index, uuid: str, given: Mapping[str, str]) -> CapturedQuantum:
    """Return the quantum that made a dataset: as it was captured, else from what Rubin itself records."""
    out = console(stderr=arguments.json)
    try:
        job = captured(arguments, index, resolve(index, f"dataset:{uuid}"))
    except UnknownSelectorError:
        pass
    else:
        if not isinstance(job, CapturedQuantum):
            raise ReplayRefusedError(f"{job.manifest.job.name} made it, and is no quantum; 'replay run' re-runs it")
        if arguments.qgraph:
            out.print(f"{index.store} has it: {arguments.qgraph} is not read", markup=False)
        return job
    found = reconstruct(arguments.repository, uuid, file=given.get(uuid), qgraph=arguments.qgraph)
    made = ReconstructedQuantum(index, arguments.repository, found, arguments.qgraph)
    made.check_originals(given)
    index.store.create()  # the verdict goes there
    where = ", to run in this environment (--engine host)" if arguments.engine == "auto" else ""
    out.print(f"{index.store} doesn't have it: from {found.source} ({found.fidelity}){where}", markup=False)
    return made


def _data_id(pairs: Sequence[str]) -> dict[str, str]:
    found = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not (name and equals):
            raise UsageError(f"--data-id {pair}: expected DIMENSION=VALUE")
        found[name] = value
    return found
