# SPDX-License-Identifier: Apache-2.0
"""`envcap.capture` and `envcap.captured`: records a block of Python, or each call of a function, as a job."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ParamSpec, TypeVar

from ..store.local import LocalStore
from ..store.place import default_store
from .block import CapturedBlock
from .declared import DeclaredFiles

__all__ = ("capture", "captured")

_P = ParamSpec("_P")
_R = TypeVar("_R")


def capture(
    name: str | None = None,
    *,
    job_id: str | None = None,
    config: Sequence[str] = (),
    inputs: Sequence[str] = (),
    outputs: Sequence[str] = (),
    env: Sequence[str] = (),
    parameters: Mapping[str, object] | None = None,
    store: str | None = None,
) -> CapturedBlock:
    """Record a block of code as a job: ``with envcap.capture(job_id="night-12") as job:``.

    Commands that the block starts and Rubin quanta that it executes are recorded too, as parts of it. Whatever goes
    wrong with capture is logged to the logger ``envcap``, and the block runs.

    Parameters
    ----------
    name : `str`, optional
        For people; by default, the program's.
    job_id : `str`, optional
        Your own id for the job; it need not be unique.
    config, inputs, outputs : sequence of `str`, optional
        Paths of files: configuration is kept, inputs and outputs are recorded by digest.
    env : sequence of `str`, optional
        Environment variables to record by value, beyond the allow-list.
    parameters : mapping, optional
        What the block is given. Simple values are part of the job's recipe; of others only the type is recorded, and
        then the job has no content key.
    store : `str`, optional
        The store's directory; by default ``ENVCAP_STORE``, else the user's own.

    Returns
    -------
    block : `CapturedBlock`
        To be entered once.

    Raises
    ------
    UsageError
        If a configuration or input file isn't there.

    Examples
    --------
    >>> import envcap
    >>> with envcap.capture("add", parameters={"n": 3}) as job:
    ...     total = sum(range(3))
    >>> envcap.find(f"attempt:{job.attempt}").state
    'ok'
    """
    return CapturedBlock(
        name or os.path.basename(sys.argv[0] or "") or "python",
        DeclaredFiles(config, inputs, outputs),
        job_id=job_id,
        env=env,
        parameters=parameters or {},
        store=LocalStore(store or default_store()),
    )


def captured(function: Callable[_P, _R] | None = None, **options: Any) -> Any:
    """Record every call of a function as a job, with its arguments as parameters.

    Parameters
    ----------
    function : callable
        What is decorated.
    **options
        As those of `capture`, when the decorator is called: ``@envcap.captured(job_id="night-12")``.

    Examples
    --------
    >>> import envcap
    >>> @envcap.captured
    ... def double(x):
    ...     return 2 * x
    >>> double(21)
    42
    >>> envcap.find("@last").manifest.job.name
    'double'
    """
    if function is None:
        return functools.partial(captured, **options)

    @functools.wraps(function)
    def recorded(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        given = {**_arguments(function, args, kwargs), **(options.get("parameters") or {})}
        with capture(**{"name": function.__qualname__, **options, "parameters": given}):
            return function(*args, **kwargs)

    return recorded


def _arguments(
    function: Callable[..., object], args: Sequence[object], kwargs: Mapping[str, object]
) -> dict[str, object]:
    """Return a call's arguments by the names of the function's parameters; a wrong call has them by position."""
    import inspect

    try:
        bound = inspect.signature(function).bind(*args, **kwargs)
    except (TypeError, ValueError):
        return {**{f"{number}": value for number, value in enumerate(args)}, **kwargs}
    bound.apply_defaults()
    return dict(bound.arguments)
