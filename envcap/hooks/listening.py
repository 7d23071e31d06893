# SPDX-License-Identifier: Apache-2.0
"""Hears what the payload's processes say: some of it at once, in a thread, the rest by the payload's end.

What they say stands in a file in memory: no writer waits, and nothing is lost. A pipe holds a token; who wants to be
heard takes it, and the listener, who then finds room in the pipe, reads what is new and puts another. The payload
only reads from the pipe: it can't be held up, and where the pipe has no other end any more, nobody listens.
"""

from __future__ import annotations

import _signal as signal  # type: ignore[import-not-found]  # without `enum`, which a payload would wait for
import fcntl
import os
import select
import time
from _thread import allocate_lock, start_new_thread

from .telling import CONTEXT, FACT

__all__ = ("Listener",)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_TOKEN = b"."
_CHUNK = 1 << 20
_MAX_LINE = 1 << 26
_MAX_SAID = 1 << 24
_MAX_LEFT = 1 << 30
_TO_FREE = 1 << 22
_AGAIN_S = 0.01
_LINGER_S = 0.2
_BETWEEN_LOOKS_S = 0.002


class Listener:
    """Listens to the processes of one payload.

    Attributes
    ----------
    variable : `str`
        The value of `CONFIRM_VARIABLE` for the payload.

    Raises
    ------
    OSError
        If there are no descriptors left for it.
    """

    def __init__(self) -> None:
        self._tokens, self._put = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            self._file = os.memfd_create("envcap", os.MFD_ALLOW_SEALING)
        except OSError:
            os.close(self._tokens)
            os.close(self._put)
            raise
        fcntl.fcntl(self._file, fcntl.F_SETFL, os.O_APPEND)
        fcntl.fcntl(self._file, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL)
        # Of a pipe of one page, one token takes all room.
        fcntl.fcntl(self._put, fcntl.F_SETPIPE_SZ, 1)
        os.set_inheritable(self._tokens, True)
        self.variable = f"{_name(self._file)} {_name(self._tokens)} {os.getpid()}"
        self._hear: Callable[[str], None] | None = None
        self._at = self._kept = 0
        self._freed = 0
        self._rest = b""
        self._skipping = False
        self._said: dict[str, None] = {}  # in order, each once: children of one kind say the same
        self._over = False
        self._listens = allocate_lock()

    def tell(self, context: str) -> bool:
        """Tell the payload the context that it waits for (`envcap.hooks.awaiting`), before `begin`.

        Returns whether that worked: if not, the payload goes on once nobody listens, and not before.
        """
        data = f"{CONTEXT}{context}\n".encode("utf-8", "surrogateescape")
        try:
            told = os.write(self._file, data) == len(data)
            # Where it stands is never given back: a process may still wait for it.
            self._freed = -(-os.fstat(self._file).st_size // _TO_FREE) * _TO_FREE
        except OSError:
            told = False
        if not told:
            self._said["degraded listening: there was no room to tell the payload of its job"] = None
        return told

    def begin(self, hear: Callable[[str], None] | None) -> None:
        """Listen from now on; where there can be no thread, all is heard by the payload's end.

        Parameters
        ----------
        hear : callable or `None`
            Takes what stands behind `FACT`, in a thread of its own; if it raises, nobody listens any more. `None`:
            nobody wants to know.
        """
        self._hear = hear
        self._listens.acquire()
        if hear is None:
            self._stop()
            return
        # Those who want to be told of signals wait in the main thread, which the kernel need not choose.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        try:
            start_new_thread(self._listen, ())
        except (RuntimeError, MemoryError):
            self._stop()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)

    def _stop(self) -> None:
        os.close(self._put)
        self._listens.release()

    def end(self, expects_more: Callable[[Sequence[str]], bool] | None = None) -> list[str]:
        """Hear what is left; return each line that was said and is no `FACT`, once. It never raises.

        Parameters
        ----------
        expects_more : callable, optional
            Takes what was said, and returns whether to wait a moment for more.
        """
        self._over = True
        heard = False
        while not heard:
            self._wake()
            heard = self._listens.acquire(timeout=_AGAIN_S)

        def hear_the_rest() -> None:
            self._read_what_is_left()
            until = time.monotonic() + _LINGER_S
            while expects_more is not None and time.monotonic() < until and expects_more(list(self._said)):
                time.sleep(_BETWEEN_LOOKS_S)
                self._read_what_is_left()

        self._tell_what_fails(hear_the_rest)
        os.close(self._file)
        os.close(self._tokens)
        return list(self._said)

    def _wake(self) -> None:
        try:
            os.read(self._tokens, 1)
        except BlockingIOError:
            return  # there is none, or somebody has just taken it

    def _listen(self) -> None:
        try:
            self._tell_what_fails(self._hear_what_comes)
        finally:
            self._stop()

    def _hear_what_comes(self) -> None:
        poll = select.poll()
        poll.register(self._put, select.POLLOUT)
        while not self._over:
            os.write(self._put, _TOKEN)
            while self._at < (end := os.fstat(self._file).st_size) and not self._over:
                self._read(min(end, self._at + _CHUNK))
            poll.poll()

    def _read_what_is_left(self) -> None:
        # Some payloads leave processes behind that never stop.
        self._read(min(os.fstat(self._file).st_size, self._at + _MAX_LEFT))

    def _tell_what_fails(self, action: Callable[[], None]) -> None:
        try:
            action()
        except Exception as err:  # noqa: BLE001  (the payload runs; without the token it knows that nobody listens)
            self._hear = None
            self._said[f"degraded listening: {type(err).__name__}: {err}"] = None

    def _read(self, end: int) -> None:
        while self._at < end and (chunk := os.pread(self._file, min(_CHUNK, end - self._at), self._at)):
            self._at += len(chunk)
            *lines, self._rest = (self._rest + chunk).split(b"\n")
            if self._skipping and lines:
                self._skipping = False
                del lines[0]
            for line in lines:
                self._take(line)
            if self._skipping:
                self._rest = b""
            elif len(self._rest) > _MAX_LINE:
                self._rest, self._skipping = b"", True
                self._said[f"degraded listening: a line of more than {_MAX_LINE} bytes"] = None
            self._free()

    def _take(self, line: bytes) -> None:
        text = line.decode("utf-8", "surrogateescape")
        if text.startswith(FACT):
            if self._hear is not None:
                self._hear(text.removeprefix(FACT))
        elif text.startswith(CONTEXT):
            return
        elif self._kept <= _MAX_SAID and text not in self._said:
            self._kept += len(line)
            self._said[text if self._kept <= _MAX_SAID else f"degraded listening: more than {_MAX_SAID} bytes"] = None

    def _free(self) -> None:
        """Give the memory back that holds what was read."""
        length = (self._at - self._freed) // _TO_FREE * _TO_FREE
        if length > 0:
            import mmap
            from contextlib import suppress

            with suppress(OSError), mmap.mmap(self._file, length, offset=self._freed) as pages:
                pages.madvise(mmap.MADV_REMOVE)
            self._freed += length


def _name(descriptor: int) -> str:
    state = os.fstat(descriptor)
    return f"{descriptor}:{state.st_dev}:{state.st_ino}"
