# SPDX-License-Identifier: Apache-2.0
"""Who observes a process: the latest one tells what is loaded, and those before it leave nothing behind."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable

from envcap.environment import Environment
from envcap.hooks.observed import Observer, loaded_now
from envcap.store.local import LocalStore
from envcap.target import Target


def test_an_earlier_observer_is_not_kept(store: LocalStore, target_of: Callable[..., Target]) -> None:
    environment = Environment(target_of())
    earlier = Observer(store, environment)
    earlier.observe()
    gone = weakref.ref(earlier)
    latest = Observer(store, environment)
    del earlier
    gc.collect()
    assert gone() is None
    latest.observe()
    loaded = loaded_now()
    assert loaded is not None
    assert "python" in " ".join(loaded.paths)
