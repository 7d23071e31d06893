# SPDX-License-Identifier: Apache-2.0
"""The processes that judge, beside whoever gives them batches: a thread, or a process of Parsl's on some node.

A process that judges is one of its own, so that whatever happens to it is seen from outside, and what Parsl's worker is
does not reach a re-run. It stays for the next batch.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from envcap.ids import uuid7

from .permits import is_permitted

__all__ = ("Request", "close_hands", "judge_batch")

_LOGS = "logs"
_LAST = 300
_GRACE_S = 40.0

Request = Mapping[str, Any]
"""``folder``, ``variables``, ``environment``, and what the worker takes: ``batch``, ``quanta``, ``tries``."""

_idle: list[_Hand] = []
_all: set[_Hand] = set()
_lock = threading.Lock()


def judge_batch(request: Request) -> dict[str, Any]:
    """Have a batch judged, and return what was not, by attempt: the stable name of the error, and the message.

    Parameters
    ----------
    request : mapping
        See `Request`.

    Returns
    -------
    answer : `dict`
        ``unjudged`` as the worker has it; if the worker died, also ``lost``, ``reason``, and ``trying``: the attempts
        that it was at.
    """
    if not is_permitted(request["folder"], request["batch"]):
        return {"unjudged": {}}  # what waits in a queue when a campaign is interrupted must not start anything
    hand = _take(request)
    answer = hand.judge(request)
    with _lock:
        if "lost" in answer:
            _all.discard(hand)
        else:
            _idle.append(hand)
    return answer


def close_hands() -> None:
    """End the processes that this one has started, also those that judge."""
    with _lock:
        hands = list(_all)
        _all.clear()
        _idle.clear()
    for hand in hands:
        hand.stop()
    for hand in hands:
        hand.wait()


class _Hand:
    """One process that judges."""

    def __init__(self, request: Request) -> None:
        self.environment = ""
        logs = os.path.join(request["folder"], _LOGS)
        os.makedirs(logs, exist_ok=True)
        self._log = os.path.join(logs, f"{uuid7()}.txt")
        with open(self._log, "wb") as stream:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "replay.campaign.worker", request["folder"]],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stream,
                env={**os.environ, **request["variables"]},
                text=True,
                start_new_session=True,  # Ctrl-C is for whoever started the campaign, who ends the others in order
            )

    def judge(self, request: Request) -> dict[str, Any]:
        self.environment = request["environment"]
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        answer: dict[str, Any] = {"unjudged": {}}
        with suppress(BrokenPipeError):
            line = {name: request[name] for name in ("batch", "quanta", "tries")}
            self._process.stdin.write(json.dumps(line) + "\n")
            self._process.stdin.flush()
        for text in self._process.stdout:
            told = json.loads(text)
            if "end" in told:
                answer.pop("trying", None)
                return answer
            answer |= told
        return {**answer, "lost": True, "reason": self._last_words()}

    def stop(self) -> None:
        """Ask it to end."""
        with suppress(OSError):
            self._process.terminate()

    def wait(self) -> None:
        """Wait for its end."""
        try:
            self._process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        with suppress(OSError):
            if os.path.getsize(self._log) == 0:
                os.unlink(self._log)

    def _last_words(self) -> str:
        status = self._process.wait()
        how = f"signal {-status}" if status < 0 else f"exit status {status}"
        with open(self._log, encoding="utf-8", errors="replace") as stream:
            last = " ".join(" / ".join(line.strip() for line in stream.readlines()[-3:]).split())
        return f"the worker ended ({how}): {last[-_LAST:] or 'without a word'} (log: {self._log})"


def _take(request: Request) -> _Hand:
    """Return a process without work, one that has the environment warm if there is such."""
    with _lock:
        fitting: Sequence[_Hand] = [one for one in _idle if one.environment == request["environment"]] or _idle
        if fitting:
            hand = fitting[0]
            _idle.remove(hand)
            return hand
    hand = _Hand(request)
    with _lock:
        _all.add(hand)
    return hand
