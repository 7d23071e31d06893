# SPDX-License-Identifier: Apache-2.0
"""Tells that `multiprocessing` forks: what such a process loads, nobody hears, since it ends by `os._exit`.

Nothing of ours runs in it. A module that another thread was importing as it was forked stays locked in it for ever.
"""

from __future__ import annotations

from functools import wraps

from .telling import FORKS, say

__all__ = ("tell_of_forks",)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType


def tell_of_forks(module: ModuleType) -> None:
    """Have the first process told that is forked.

    Parameters
    ----------
    module : module
        `multiprocessing.popen_fork` or `multiprocessing.popen_forkserver`, once it was imported.
    """
    starts = module.Popen
    launch = starts._launch

    @wraps(launch)
    def _launch(self: object, process: object) -> None:
        starts._launch = launch
        launch(self, process)
        say(FORKS)

    starts._launch = _launch
