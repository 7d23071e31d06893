# SPDX-License-Identifier: Apache-2.0
"""Who observes a process: the latest one tells what is loaded, and those before it leave nothing behind."""

from __future__ import annotations

import gc
import weakref

from envcap.hooks.observed import Observer, observed_now


def test_an_earlier_observer_is_not_kept() -> None:
    earlier = Observer()
    earlier.observe()
    gone = weakref.ref(earlier)
    latest = Observer()
    del earlier
    gc.collect()
    assert gone() is None
    assert latest.observe() is observed_now()
    assert "python" in " ".join(observed_now().paths)
