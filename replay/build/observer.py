# SPDX-License-Identifier: Apache-2.0
"""Captures the environment that it runs in. A program of its own: ``python observer.py SOFTWARE STORE``.

It runs in a rebuilt environment that holds no envcap of its own, or another one: SOFTWARE is the directory that this one's
package stands in, and is off the search path again before anything is captured. The environment comes out as one line.
"""

from __future__ import annotations

import sys

__all__ = ()


def _main() -> None:
    software, store = sys.argv[1:]
    sys.path.insert(0, software)
    from envcap.environment import capture_environment
    from envcap.store.local import LocalStore
    from envcap.target import Target

    sys.path.remove(software)
    kept = LocalStore(store)
    kept.create()
    sys.stdout.write(capture_environment(Target.current(), kept).to_json() + "\n")


if __name__ == "__main__":
    _main()
