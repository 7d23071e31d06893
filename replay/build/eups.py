# SPDX-License-Identifier: Apache-2.0
"""Set the products of EUPS up again: where they still stand, by the variables that EUPS had set.

EUPS itself isn't needed for that.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from envcap.collectors.base import collect
from envcap.collectors.eups import EupsCollector
from envcap.differences import document_changes
from envcap.errors import EnvcapError
from envcap.model.components import Eups, EupsProduct
from envcap.model.descriptor import describe_bytes
from envcap.target import Target

from .. import grammar
from ..errors import ReplayRefusedError
from ..fidelity import Fidelity, Layer
from ..grammar import checked
from ..jobs.base import CapturedJob

__all__ = ("eups_folders", "eups_layer", "eups_variables", "with_products")

_KIND = EupsCollector.kind
_SEARCH = "PYTHONPATH"
_MAX_NAMED = 6


def eups_layer(job: CapturedJob, variables: Mapping[str, str] | None = None) -> Iterator[Layer]:
    """Yield what comes of the products that a job had set up; nothing if it had none.

    Parameters
    ----------
    job : `CapturedJob`
    variables : mapping, optional
        The environment that they are set up in; without it, that is foreseen.
    """
    outcome = job.manifest.outcomes.get(_KIND)
    if outcome is None or outcome.status == "absent":
        return
    if outcome.status == "failed":
        yield Layer(_KIND, Fidelity.SUBSTITUTED, f"unknown: {outcome.reason}")
        return
    try:
        yield _compared(job, with_products(job, {}) if variables is None else variables)
    except EnvcapError as err:
        yield Layer(_KIND, Fidelity.IMPOSSIBLE, str(err))


def eups_variables(job: CapturedJob) -> dict[str, str]:
    """Return the variables that EUPS had set; of lists of paths, the members that lie in products.

    Python's own are left out: the code that they name is put back elsewhere.

    Raises
    ------
    ReplayRefusedError
        If a value is not what it is said to be, naming the field.
    """
    found = {}
    for name, value in _mapping(job, "variables").items():
        if not name.startswith("PYTHON"):
            found[_variable(name)] = _value(f"variables[{name}]", name, value)
    for name, members in _mapping(job, "paths").items():
        if not name.startswith("PYTHON"):
            found[_variable(name)] = _joined(f"paths[{name}]", members)
    return found


def with_products(job: CapturedJob, variables: Mapping[str, str]) -> dict[str, str]:
    """Return an environment with the products of a job set up in it.

    Raises
    ------
    ReplayRefusedError
        As `eups_variables`.
    """
    found = eups_variables(job)
    for name in _mapping(job, "paths"):
        if name in found and name in variables:
            found[name] += os.pathsep + variables[name]
    return {**variables, **found}


def eups_folders(job: CapturedJob) -> list[str]:
    """Return the directories of the products that still stand, EUPS's own among them.

    Raises
    ------
    ReplayRefusedError
        Naming the one that is no path.
    """
    if _KIND not in job.attempt.recipe.software:
        return []
    found = [_mapping(job, "variables").get("EUPS_DIR"), *(place.get("folder") for _, place in _products(job))]
    folders = [checked("eups.products: folder", folder, grammar.ABSOLUTE_PATH) for folder in found if folder is not None]
    return [folder for folder in folders if os.path.isdir(folder)]


def _compared(job: CapturedJob, variables: Mapping[str, str]) -> Layer:
    """Return how what is set up in an environment differs from what the job had."""
    products = _products(job)
    gone = [_named(one) for one, place in products if "folder" in place and not os.path.isdir(str(place["folder"]))]
    if gone:
        return Layer(_KIND, Fidelity.IMPOSSIBLE, f"gone from where the job had them: {_some(gone)}")
    # The code that it named was put back elsewhere; here it only tells the order.
    environ = {**variables, _SEARCH: _search_path(job)}
    found, outcome = collect(EupsCollector(), Target.none(environ), describe_bytes)
    if found is None:
        return Layer(_KIND, Fidelity.SUBSTITUTED, f"they can't be told any more: {outcome.reason}")
    there, here = job.component(_KIND, Eups).data, found.component.data
    if there != here:
        changes = [f"{one.name} {one.before} → {one.after}" for one in document_changes(there, here)]
        return Layer(_KIND, Fidelity.SUBSTITUTED, _some(changes) or "set up in another order")
    unproved = [one.name for one, _ in products if one.local and (one.commit is None or one.dirty)]
    if unproved:
        told = f"set up from a directory, with what no commit has: {_some(unproved)}"
        return Layer(_KIND, Fidelity.SUBSTITUTED, told)
    return Layer(_KIND, Fidelity.REBUILT, f"{len(products)} products where they stood, by version and table file")


def _search_path(job: CapturedJob) -> str:
    whole = _mapping(job, "variables").get(_SEARCH)
    if isinstance(whole, str):
        return whole
    members = _mapping(job, "paths").get(_SEARCH)
    return os.pathsep.join(map(str, members)) if isinstance(members, Sequence) else ""


def _products(job: CapturedJob) -> list[tuple[EupsProduct, Mapping[str, object]]]:
    """Return the products, each with where it stood."""
    products = job.component(_KIND, Eups).products
    places = job.place(_KIND, "products")
    if not isinstance(places, Sequence) or len(places) != len(products):
        raise ReplayRefusedError("eups.products: it is not known where they stood")
    return [(one, place if isinstance(place, Mapping) else {}) for one, place in zip(products, places, strict=True)]


def _mapping(job: CapturedJob, name: str) -> Mapping[str, object]:
    found = job.place(_KIND, name)
    return found if isinstance(found, Mapping) else {}


def _variable(name: str) -> str:
    return checked(f"eups.variables: {name!r:.80}", name, grammar.VARIABLE)


def _value(field: str, name: str, value: object) -> str:
    if name.startswith("SETUP_") or name == "EUPS_SHELL":
        return checked(f"eups.{field}", value, grammar.EUPS_WORDS)
    return _joined(field, value.split(os.pathsep) if isinstance(value, str) else value)


def _joined(field: str, members: object) -> str:
    if not isinstance(members, Sequence) or isinstance(members, str):
        raise ReplayRefusedError(f"eups.{field}: it is no list of paths")
    return os.pathsep.join(checked(f"eups.{field}", member, grammar.ABSOLUTE_PATH) for member in members)


def _named(one: EupsProduct) -> str:
    return f"{one.name} {one.version or '(from a directory)'}"


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MAX_NAMED} more" if len(names) > _MAX_NAMED else ""
    return ", ".join(names[:_MAX_NAMED]) + more
