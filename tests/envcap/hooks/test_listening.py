# SPDX-License-Identifier: Apache-2.0
"""What is said is heard: at once where it has to be, whole, in order, and whatever else the payload writes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest

from envcap.hooks import listening
from envcap.hooks.listening import Listener
from envcap.hooks.telling import FACT, LINES, TOKENS, is_heard, say, wake
from envcap.hooks.variables import CONFIRM_VARIABLE

Listen = Callable[[], Listener]


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until something is so, which takes no time but on a busy machine."""
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


@pytest.fixture
def heard() -> list[str]:
    """Give what was heard."""
    return []


@pytest.fixture
def listener(heard: list[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Listener]:
    """Give a listener to this process."""
    made = Listener()
    made.begin(heard.append)
    monkeypatch.setenv(CONFIRM_VARIABLE, made.variable)
    yield made
    if not made._over:
        made.end()


def test_a_fact_is_heard_at_once(listener: Listener, heard: list[str]) -> None:
    for i in range(100):
        assert say(f"{FACT}{i}")
        wake()
        wait_for(lambda i=i: len(heard) == i + 1)  # type: ignore[misc]
    assert heard == [str(i) for i in range(100)]
    assert listener.end() == []


def test_the_rest_is_heard_by_the_end(listener: Listener, heard: list[str]) -> None:
    assert say("one")
    assert say(FACT + "two")
    assert say("three")
    assert listener.end() == ["one", "three"]
    assert heard == ["two"]


def test_what_many_threads_say_is_heard_once_each(listener: Listener, heard: list[str]) -> None:
    def talk(name: int) -> None:
        for i in range(300):
            assert say(f"{FACT}{name} {i} {'x' * 1000}")
            wake()

    threads = [threading.Thread(target=talk, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    listener.end()
    found = [line.split()[:2] for line in heard]
    assert len(found) == 8 * 300
    for name in range(8):
        assert [int(i) for one, i in found if one == str(name)] == list(range(300))


def test_it_is_known_whether_anybody_listens(listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(3):
        assert is_heard()
        wake()
    listener.end()
    assert not is_heard()
    assert not say("anything")
    wake()
    monkeypatch.delenv(CONFIRM_VARIABLE)
    assert not is_heard()


def test_where_there_can_be_no_thread_it_is_heard_by_the_end(heard: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def no_thread(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(listening, "start_new_thread", no_thread)
    listener = Listener()
    listener.begin(heard.append)
    monkeypatch.setenv(CONFIRM_VARIABLE, listener.variable)
    assert not is_heard()
    assert say(FACT + "two")
    listener.end()
    assert heard == ["two"]


def test_a_listener_that_fails_says_so_and_is_known_not_to_listen(
    monkeypatch: pytest.MonkeyPatch, heard: list[str]
) -> None:
    def fail(line: str) -> None:
        heard.append(line)
        raise MemoryError(line)

    listener = Listener()
    listener.begin(fail)
    monkeypatch.setenv(CONFIRM_VARIABLE, listener.variable)
    assert say(FACT + "one")
    wake()
    wait_for(lambda: not is_heard())
    assert listener.end() == ["degraded listening: MemoryError: one"]
    assert heard == ["one"]


def test_half_a_line_waits_for_its_rest(listener: Listener, heard: list[str]) -> None:
    number = int(listener.variable.partition(":")[0])
    os.write(number, FACT.encode() + b"fi")
    wake()
    os.write(number, b"rst\nno end")
    assert listener.end() == []
    assert heard == ["first"]


def test_a_line_that_is_too_long_is_passed_over(
    listener: Listener, heard: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listening, "_MAX_LINE", 1 << 21)
    assert say(FACT + "x" * (1 << 23))
    assert say(FACT + "after it")
    assert listener.end() == ["degraded listening: a line of more than 2097152 bytes"]
    assert heard == ["after it"]


def test_one_that_never_stops_is_not_heard_out(listener: Listener) -> None:
    number = int(listener.variable.partition(":")[0])
    with subprocess.Popen(["yes", "on and on"], stdout=number) as endless:
        wait_for(lambda: os.fstat(number).st_size > 1 << 20)
        assert set(listener.end()) == {"on and on"}
        endless.kill()


def test_what_was_heard_takes_no_memory(listener: Listener, heard: list[str]) -> None:
    number = int(listener.variable.partition(":")[0])
    line = FACT + "x" * 100_000
    for i in range(1, 401):
        assert say(line)
        wake()
        wait_for(lambda i=i: len(heard) == i)  # type: ignore[misc]
        heard[-1] = ""
    wait_for(lambda: os.fstat(number).st_blocks * 512 < 3 * listening._TO_FREE)
    assert os.fstat(number).st_size > 400 * 100_000
    listener.end()


def test_a_payload_that_would_die_of_a_broken_pipe_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    listener = Listener()
    listener.begin(lambda _: None)
    lines, tokens = (int(name.partition(":")[0]) for name in listener.variable.split()[:2])
    program = (
        "import signal; signal.signal(signal.SIGPIPE, signal.SIG_DFL)\n"
        "from envcap.hooks.telling import is_heard, say, wake\n"
        "print(is_heard(), flush=True); input(); say('quantum 1'); wake(); print(is_heard())"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], env={**os.environ, CONFIRM_VARIABLE: listener.variable}, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, pass_fds=(lines, tokens),
    ) as payload:  # fmt: skip
        assert payload.stdout is not None
        assert payload.stdout.readline() == "True\n"
        listener.end()
        assert payload.communicate("\n")[0] == "False\n"
        assert payload.returncode == 0


def test_signals_are_for_the_main_thread() -> None:
    before = set(os.listdir("/proc/self/task"))
    listener = Listener()
    listener.begin(lambda _: None)
    (thread,) = set(os.listdir("/proc/self/task")) - before
    with open(f"/proc/self/task/{thread}/status") as stream:
        (blocked,) = [int(line.split()[1], 16) for line in stream if line.startswith("SigBlk")]
    assert all(blocked >> number - 1 & 1 for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGCONT))
    assert not signal.pthread_sigmask(signal.SIG_BLOCK, ())
    listener.end()


def test_a_payload_that_resizes_the_file_holds_nobody_up(listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "_MAX_LEFT", 1 << 24)
    number = int(listener.variable.partition(":")[0])
    assert say("one")
    with pytest.raises(PermissionError):
        os.ftruncate(number, 0)
    os.ftruncate(number, 1 << 50)
    wake()
    assert listener.end()[:1] == ["one"]


def test_what_many_say_is_kept_once(listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "_MAX_SAID", 100)
    assert say("began 1")
    for _ in range(50):
        assert say("library /usr/lib/libc.so.6")
    assert say("ended 1")
    assert listener.end() == ["began 1", "library /usr/lib/libc.so.6", "ended 1"]


def test_too_much_is_cut_off_and_said(listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "_MAX_SAID", 10)
    for line in ("12345", "123456789", "ended"):
        assert say(line)
    assert listener.end() == ["12345", "degraded listening: more than 10 bytes"]


def test_what_is_no_text_is_said_all_the_same(listener: Listener) -> None:
    assert say("degraded: \udce9 \ud800")
    assert listener.end() == ["degraded: \\udce9 \\ud800"]


@pytest.mark.parametrize("lost", [LINES, TOKENS])
def test_one_who_has_lost_either_descriptor_is_not_heard(
    listener: Listener, lost: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    handed_down = [name.partition(":") for name in listener.variable.split(" ")[:2]]
    copies = [os.dup(int(number)) for number, _, _ in handed_down]
    monkeypatch.setenv(
        CONFIRM_VARIABLE,
        " ".join(f"{copy}:{inode}" for copy, (_, _, inode) in zip(copies, handed_down, strict=True)),
    )
    assert is_heard()
    os.close(copies.pop(lost))
    assert not is_heard()
    os.close(copies.pop())


def _says(variable: str) -> bool:
    """Have a process say something that inherits no descriptors."""
    code = "import sys; from envcap.hooks.telling import say; sys.exit(not say('here I am'))"
    environ = {**os.environ, CONFIRM_VARIABLE: variable}
    return subprocess.run([sys.executable, "-c", code], env=environ, check=False).returncode == 0


def test_one_who_inherits_nothing_is_heard_as_long_as_there_is_a_listener(listener: Listener) -> None:
    assert _says(listener.variable)
    assert listener.end() == ["here I am"]
    assert not _says(listener.variable)


def test_one_who_inherits_nothing_writes_into_no_other_file(listener: Listener, tmp_path: Path) -> None:
    """Neither into one that got the number, nor into one of a process that got the pid."""
    memory, tokens, pid = listener.variable.split(" ")
    number, device, inode = memory.split(":")
    with (tmp_path / "other").open("ab") as other:
        assert not _says(f"{other.fileno()}:{device}:{inode} {tokens} {pid}")
    assert not _says(f"{number}:{device}:{int(inode) + 1} {tokens} {pid}")
    assert not _says(f"{memory} {tokens} 1")
    assert (tmp_path / "other").read_bytes() == b""
    assert listener.end() == []


def test_more_is_waited_for_only_as_long_as_it_is_expected(listener: Listener) -> None:
    asked: list[Sequence[str]] = []

    def expects_more(said: Sequence[str]) -> bool:
        asked.append(list(said))
        assert say(str(len(asked)))
        return len(asked) < 3

    assert listener.end(expects_more) == ["1", "2"]
    assert asked == [[], ["1"], ["1", "2"]]


def test_nobody_waits_long_for_what_never_comes(listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(listening, "time", SimpleNamespace(sleep=slept.append, monotonic=lambda: sum(slept)))
    assert listener.end(lambda _: True) == []
    assert 0.1 < sum(slept) < 0.3
