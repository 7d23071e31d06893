# SPDX-License-Identifier: Apache-2.0
"""A disk that may lose its power: what a recorded sequence of system calls leaves of a directory, by the worst rules.

POSIX promises of a file only what was synced before, and of a name only what was there when its directory was synced.
Real file systems keep more, each of them something else; so the rules differ in what else they keep.
"""

from __future__ import annotations

import os
import random
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

__all__ = ("RULES", "Call", "Disk", "calls_of")

TRACED = ("openat", "write", "pwrite64", "ftruncate", "fallocate", "fsync", "fdatasync", "rename", "renameat",
          "renameat2", "link", "linkat", "unlink", "unlinkat", "mkdir", "mkdirat", "rmdir")  # fmt: skip
RULES = ("nothing unsynced", "names, but no bytes", "bytes, but no names", "anything of it")
_LINE = re.compile(rb"^\d+ +(\w+)\((.*)\) += (-?\d+)")
_TEXT = re.compile(rb'"((?:\\x[0-9a-f]{2})*)"|\d+<((?:\\x[0-9a-f]{2})*)>')


class Call(NamedTuple):
    """A system call that succeeded: its name, the paths and bytes that it was given, and its other words."""

    name: str
    texts: tuple[bytes, ...]
    words: str
    result: int


def calls_of(trace: Path, top: Path) -> Iterator[Call]:
    """Yield the calls of a trace by ``strace -f -y -xx`` that have to do with a directory, as they ended."""
    unfinished: dict[bytes, bytes] = {}
    wanted = bytes(top)
    for line in trace.read_bytes().splitlines():
        process = line.partition(b" ")[0]
        if b"<unfinished ...>" in line:
            unfinished[process] = line.partition(b"<unfinished ...>")[0].rstrip()
            continue
        if b" resumed>" in line:
            line = unfinished.pop(process) + line.partition(b" resumed>")[2]
        found = _LINE.match(line)
        if found is None or int(found[3]) < 0:
            continue
        texts = tuple(_decoded(one[1] if one[1] is not None else one[2]) for one in _TEXT.finditer(found[2]))
        if any(text.startswith(wanted) for text in texts):
            yield Call(found[1].decode(), texts, _TEXT.sub(b"", found[2]).decode("latin-1"), int(found[3]))


def _decoded(text: bytes) -> bytes:
    return bytes.fromhex(text.replace(b"\\x", b"").decode("ascii"))


class _File:
    """A file or directory: its bytes now, and as they were last synced; a directory has `None`."""

    def __init__(self, is_directory: bool) -> None:
        self.now: bytearray | None = None if is_directory else bytearray()
        self.synced = b""


class Disk:
    """The state of a directory after some calls.

    Parameters
    ----------
    top : `bytes`
        The directory, which is empty.
    """

    def __init__(self, top: bytes) -> None:
        self._top = top
        root = _File(True)
        self._now: dict[bytes, _File] = {top: root}
        self._synced: dict[bytes, _File] = {top: root}
        self._pending: dict[bytes, list[tuple[tuple[bytes, _File | None], ...]]] = {}

    def apply(self, call: Call) -> None:
        """Let a call have happened."""
        paths = [text for text in call.texts if text.startswith(self._top)]
        match call.name:
            case "openat" if "O_CREAT" in call.words and paths[0] not in self._now:
                self._change((paths[0], _File(False)))
            case "openat" if "O_TRUNC" in call.words:
                self._now[paths[0]].now = bytearray()
            case "mkdir" | "mkdirat":
                self._change((paths[0], _File(True)))
            case "rename" | "renameat" | "renameat2":
                self._change((paths[0], None), (paths[1], self._now[paths[0]]))
            case "link" | "linkat":
                self._change((paths[1], self._now[paths[0]]))
            case "unlink" | "unlinkat" | "rmdir":
                self._change((paths[0], None))
            case "write" | "pwrite64" | "ftruncate" | "fallocate":
                self._write(call, paths[0])
            case "fsync" | "fdatasync":
                self._sync(paths[0])

    def _write(self, call: Call, path: bytes) -> None:
        content = self._now[path].now
        assert content is not None
        numbers = [int(word) for word in re.findall(r"\d+", call.words)]
        if call.name == "write":
            content += call.texts[1][: call.result]  # all writers append
        elif call.name == "ftruncate":
            del content[numbers[-1] :]
            content.extend(bytes(numbers[-1] - len(content)))
        elif call.name == "fallocate":
            content.extend(bytes(max(numbers[-1] - len(content), 0)))
        else:
            raise AssertionError(f"{call.name} is not expected of a store")

    def _change(self, *changes: tuple[bytes, _File | None]) -> None:
        """Change names of one directory in one step."""
        for path, file in changes:
            if file is None:
                del self._now[path]
            else:
                self._now[path] = file
        self._pending.setdefault(os.path.dirname(changes[0][0]), []).append(changes)

    def _sync(self, path: bytes) -> None:
        file = self._now.get(path)
        if file is not None and file.now is not None:
            file.synced = bytes(file.now)
        for changes in self._pending.pop(path, ()):
            _apply(self._synced, changes)

    def leave(self, rule: str, seed: int, folder: Path) -> None:
        """Write what a loss of power would leave, by a rule."""
        chance = random.Random(seed)
        names = dict(self._synced)
        for changes in (one for waiting in self._pending.values() for one in waiting):
            if rule == "names, but no bytes" or (rule == "anything of it" and chance.random() < 0.5):
                _apply(names, changes)
        for path, file in sorted(names.items()):
            target = folder / os.path.relpath(path, self._top).decode()
            if not target.parent.is_dir():
                continue  # its directory's own name was lost
            if file.now is None:
                target.mkdir(exist_ok=True)
            else:
                target.write_bytes(_left(file, rule, chance))


def _apply(names: dict[bytes, _File], changes: Sequence[tuple[bytes, _File | None]]) -> None:
    for path, file in changes:
        if file is None:
            names.pop(path, None)
        else:
            names[path] = file


def _left(file: _File, rule: str, chance: random.Random) -> bytes:
    assert file.now is not None
    now = bytes(file.now)
    if rule == "bytes, but no names":
        return now
    if rule == "anything of it":
        # The new length without the new bytes, the new bytes up to somewhere, or neither.
        kept = len(file.synced) if now.startswith(file.synced) else 0
        cut = chance.randrange(kept, len(now) + 1)
        return chance.choice((file.synced, file.synced[: len(now)].ljust(len(now), b"\0"), now[:cut], now))
    return file.synced
