# SPDX-License-Identifier: Apache-2.0
"""The products that EUPS has set up, from environment variables and the databases of its stacks.

EUPS is neither run nor imported. It sets itself up too, from a directory; that is a place, since it runs before a job.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator

from ..digest import digest_of
from ..errors import CollectorError
from ..model.components import Eups, EupsProduct
from ..redact import scrub
from ..target import Target
from .base import Absent, Collected, Collector, Keep
from .bounded import read_bounded
from .eups_database import MAX_FILE, Database
from .eups_setup import SetUp, changed_variables, in_order, set_up
from .git import work_tree_state

__all__ = ("EupsCollector",)


class EupsCollector(Collector):
    """Reads ``SETUP_*`` variables, and of each product the version file, the tags and the table file."""

    kind = "eups"

    def looked_at(self, target: Target) -> Iterable[str] | None:
        """Return the databases' files and the table files; `None` if a product is set up from a directory."""
        products = set_up(target.environ)
        if not products or any(one.is_local for one in products):
            return None
        return [path for one in products for path in _files(one)]

    def facts(self, target: Target) -> Iterable[str]:
        """Return what EUPS made of the environment."""
        return [json.dumps(changed_variables(set_up(target.environ), target.environ))]

    def collect(self, target: Target, keep: Keep) -> Collected:
        """Return the products in the order in which they were set up."""
        products = in_order(set_up(target.environ), target.environ)
        if not products:
            raise Absent("EUPS has set up no product")
        variables, paths = changed_variables(products, target.environ)
        component = Eups(products=[_product(one) for one in products])
        place = {"products": [_place(one) for one in products], "variables": variables, "paths": paths}
        return Collected(component, place)


def _files(one: SetUp) -> Iterator[str]:
    database = _database(one)
    if database is not None:
        yield database.version_file(one.version)
        yield database.folder
        yield from database.chain_files()
    elif one.stack:
        yield os.path.join(one.stack, "ups_db")
    if table := _table_file(one, database):
        yield table


def _database(one: SetUp) -> Database | None:
    """Return the database that declares a product, `None` if there is none that can be read."""
    database = Database(one.stack, one.name) if one.stack and not one.is_local else None
    return database if database is not None and database.is_readable else None


def _table_file(one: SetUp, database: Database | None) -> str | None:
    """Return the path of a product's table file, `None` if it has none."""
    if database is not None:
        declared = database.table_file(one.version, one.flavor)
        return one.table or declared
    if one.table is not None or one.folder is None:
        return one.table
    usual = os.path.join(one.folder, "ups", f"{one.name}.table")
    return usual if os.path.exists(usual) else None


def _product(one: SetUp) -> EupsProduct:
    database = _database(one)
    table = _table_file(one, database)
    local = one.is_local
    state = work_tree_state(one.folder) if local and one.folder and os.path.isdir(one.folder) else None
    return EupsProduct(
        name=scrub(one.name),
        version=None if local else scrub(one.version),
        flavor=scrub(one.flavor),
        local=True if local else None,
        table=None if table is None else _digest(table),
        commit=state[0] if state else None,
        dirty=state[1] if state else None,
    )


def _digest(path: str) -> str:
    try:
        return digest_of(read_bounded(path, MAX_FILE))
    except OSError as err:
        raise CollectorError(f"{path}: {err.strerror or err}") from err


def _place(one: SetUp) -> dict[str, object]:
    where = {"name": one.name, "folder": one.folder, "stack": one.stack, "table": one.table}
    database = _database(one)
    tags = [scrub(tag) for tag in database.tags(one.version, one.flavor)] if database is not None else []
    return {**{name: scrub(value) for name, value in where.items() if value is not None}, "tags": tags}
