# SPDX-License-Identifier: Apache-2.0
"""What the tests of the store share: a database of each kind, and an ingest that says nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from envcap.store.index import Index
from envcap.store.ingest import Ingested, ingest
from envcap.store.local import LocalStore
from tests.services.postgresql import running_postgresql

Ingest = Callable[[], tuple[Index, Ingested]]


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """Give the URL of a real PostgreSQL."""
    with running_postgresql() as url:
        yield url


@pytest.fixture(params=("SQLite", "PostgreSQL"))
def database(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Have indexes kept in a database of one kind, and of the other; give its name."""
    if request.param == "PostgreSQL":
        monkeypatch.setenv("ENVCAP_INDEX", request.getfixturevalue("postgresql"))
    return str(request.param)


@pytest.fixture
def run_ingest(store: LocalStore) -> Ingest:
    """Give a function that seals and indexes the store."""
    return lambda: ingest(store, lambda: None, lambda done, whole: None)
