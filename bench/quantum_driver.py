# SPDX-License-Identifier: Apache-2.0
"""Runs a pipetask command line in this process and measures what the hook adds to each of its quanta.

To be run by `envcap run`, so that the hook is installed as in any job::

    envcap run -- python quantum_driver.py FIGURES.json ROUNDS run -b REPO …

It measures in two ways, because neither is enough alone.

- *Own time*: a clock around each function that the hook wraps, and one around the original inside. The sum of the
  differences is the time that the hook's own code takes. It is exact to a few microseconds, but can't see what
  the hook does to the rest of the process (caches, garbage collection).
- *Pairs*: each quantum is executed ROUNDS times with the hook off (the originals put back) and on. It sees everything,
  but a quantum's own time varies by more than the hook takes. The order changes from pair to pair, so that what follows
  every second execution, or the number of executions, falls on both sides.

A quantum's outputs are removed before it is executed again. What `envcap run` does meanwhile, in a process of its own,
is not measured here. The heap that pipetask has built before the first
quantum is frozen (`gc.freeze`): a full collection of it takes 160 ms, happens in one of 20 quanta, and would be most of
the differences between pairs.
"""

from __future__ import annotations

import functools
import gc
import json
import sys
import time
from collections import Counter
from collections.abc import Callable
from itertools import chain
from types import ModuleType
from typing import Any

from envcap.hooks import pipetask
from envcap.hooks.following import process

__all__ = ("Driver", "Switchboard", "main")


class Switchboard:
    """Stands in for the hook's `_wrap`: wraps the same functions, with clocks, and can take the wraps off again.

    Attributes
    ----------
    wall, cpu : `Counter`
        Nanoseconds of the hook's own code, by the function that it wraps.
    """

    def __init__(self) -> None:
        self.wall: Counter[str] = Counter()
        self.cpu: Counter[str] = Counter()
        self._places: list[tuple[type | ModuleType, str, object, object]] = []

    def wrap(
        self, owner: type | ModuleType, name: str, around: Callable[[Callable[..., Any]], Callable[..., Any]]
    ) -> None:
        """Wrap one function, as the hook would."""
        original = getattr(owner, name)
        # What the original takes counts against what the wrap around it takes.
        inner = self._clock(original, name, -1)
        hooked = functools.wraps(original)(self._clock(around(inner), name, 1))
        self._places.append((owner, name, original, hooked))
        setattr(owner, name, hooked)

    def _clock(self, function: Callable[..., Any], name: str, sign: int) -> Callable[..., Any]:
        def clocked(*args: Any, **others: Any) -> Any:
            wall, cpu = time.perf_counter_ns(), time.thread_time_ns()
            try:
                return function(*args, **others)
            finally:
                self.cpu[name] += sign * (time.thread_time_ns() - cpu)
                self.wall[name] += sign * (time.perf_counter_ns() - wall)

        return clocked

    def take(self) -> dict[str, list[float]]:
        """Return wall and CPU milliseconds by wrapped function, and begin anew."""
        taken = {name: [ns / 1e6, self.cpu[name] / 1e6] for name, ns in self.wall.items()}
        self.wall.clear()
        self.cpu.clear()
        return taken

    def switch(self, on: bool) -> None:
        """Switch the hook on or off."""
        for owner, name, original, hooked in self._places:
            setattr(owner, name, hooked if on else original)


class Driver:
    """Executes each quantum many times.

    Attributes
    ----------
    figures : `list` [ `dict` ]
        For each quantum, its task's ``label``; ``own`` (wall and CPU milliseconds by wrapped function) for each
        execution with the hook; and ``on`` and ``off`` (wall and CPU milliseconds) for each pair.
    process : `dict`
        What the hook did before the first quantum (its process, configurations, init-outputs), as ``own``.
    """

    def __init__(self, switchboard: Switchboard, rounds: int) -> None:
        self.figures: list[dict[str, Any]] = []
        self.process: dict[str, list[float]] = {}
        self._switchboard = switchboard
        self._rounds = rounds

    def wrap(self, execute: Callable[..., Any]) -> Callable[..., Any]:
        """Return the replacement of an executor's public method."""

        def repeat(executor: Any, task_node: Any, /, quantum: Any, quantum_id: Any = None, **others: Any) -> Any:
            if process() is None:
                raise RuntimeError("the hook is off; run this by 'envcap run'")
            if not self.figures:
                self.process = self._switchboard.take()
                gc.freeze()
            before = len(executor._previous_process_quanta)

            def once(on: bool) -> tuple[Any, list[float], dict[str, list[float]]]:
                del executor._previous_process_quanta[before:]
                self._remove_outputs(executor._butler, quantum)
                return self._clocked(on, lambda: execute(executor, task_node, quantum, quantum_id, **others))

            done, _, own = once(True)
            once(False)
            entry: dict[str, Any] = {"label": task_node.label, "own": [own], "on": [], "off": []}
            for left in reversed(range(self._rounds)):
                # The last one is recorded: the next quanta find its outputs' digests where they would be.
                for on in (False, True) if left % 2 == 0 else (True, False):
                    done, taken, own = once(on)
                    entry["on" if on else "off"].append(taken)
                    if on:
                        entry["own"].append(own)
            self.figures.append(entry)
            return done

        return repeat

    @staticmethod
    def _remove_outputs(butler: Any, quantum: Any) -> None:
        refs = butler.stored_many(chain.from_iterable(quantum.outputs.values()))
        stored = [ref for ref, exists in refs.items() if exists]
        if stored:
            butler.pruneDatasets(stored, disassociate=True, unstore=True, purge=True)

    def _clocked(self, on: bool, execute: Callable[[], Any]) -> tuple[Any, list[float], dict[str, list[float]]]:
        self._switchboard.switch(on)
        self._switchboard.take()
        wall, cpu = time.perf_counter_ns(), time.process_time_ns()
        done = execute()
        taken = [(time.perf_counter_ns() - wall) / 1e6, (time.process_time_ns() - cpu) / 1e6]
        return done, taken, self._switchboard.take()


def main(figures: str, rounds: int, argv: list[str]) -> None:
    """Run pipetask and write what was measured."""
    switchboard = Switchboard()
    pipetask._wrap = switchboard.wrap
    # Only now may the middleware be imported: the hook is called as each of its modules has been executed.
    from lsst.ctrl.mpexec.cli.pipetask import main as pipetask_main
    from lsst.pipe.base.single_quantum_executor import SingleQuantumExecutor

    driver = Driver(switchboard, rounds)
    SingleQuantumExecutor.execute = driver.wrap(SingleQuantumExecutor.execute)
    sys.argv = ["pipetask", *argv]
    try:
        pipetask_main()
    finally:
        with open(figures, "w", encoding="utf-8") as stream:
            json.dump({"quanta": driver.figures, "process": driver.process}, stream)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3:])
