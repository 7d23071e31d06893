# SPDX-License-Identifier: Apache-2.0
"""What the tests of the store share: an ingest that says nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from envcap.store.index import Index
from envcap.store.ingest import Ingested, ingest
from envcap.store.local import LocalStore

Ingest = Callable[[], tuple[Index, Ingested]]


@pytest.fixture
def run_ingest(store: LocalStore) -> Ingest:
    """Give a function that seals and indexes the store."""
    return lambda: ingest(store, lambda: None, lambda done, whole: None)
