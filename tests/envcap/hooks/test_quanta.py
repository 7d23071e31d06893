# SPDX-License-Identifier: Apache-2.0
"""Quanta are written by `envcap run` where it listens, else by the process that runs them; none is lost or twice."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from envcap.digest import digest_of
from envcap.store.index import Attempt, Index
from envcap.store.journal import journal_paths
from envcap.store.local import LocalStore

from .quanta import UUID

Run = Callable[..., "subprocess.CompletedProcess[str]"]

_TOP = Path(__file__).parents[3]
_OTHER = "01a21950-8962-7978-967b-77130844304e"
_BEGIN = f"""
import json, os, signal, subprocess, sys, time
sys.path.append({str(_TOP)!r})
from envcap.hooks.following import process
from envcap.hooks.telling import FACT, say, wake
from tests.envcap.hooks.quanta import begun
OTHER = {_OTHER!r}

def on_record(kind, number):
    "Wait until the store has so many records of a kind."
    from glob import glob
    deadline, record = time.monotonic() + 30, f"envcap-record {{kind}}"
    while sum(open(path).read().count(record) for path in glob("STORE/journal/*/*/*")) < number:
        assert time.monotonic() < deadline
        time.sleep(0.01)
"""


@pytest.fixture
def payload(envcap: Run, store: LocalStore, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Give a function that runs some Python as a job."""

    def run(code: str, **others: object) -> subprocess.CompletedProcess[str]:
        folder = tmp_path / "payload"
        folder.mkdir(exist_ok=True)
        (folder / "payload.py").write_text(_BEGIN.replace("STORE", store.root) + code)
        return envcap("run", "--", sys.executable, folder / "payload.py", **others)

    return run


@pytest.fixture
def quanta(store: LocalStore) -> Callable[[], list[Attempt]]:
    """Give a function that returns all quanta, oldest first."""
    return lambda: list(Index(store).attempts("kind = 'quantum'"))


def journals(store: LocalStore) -> int:
    """Return how many processes wrote."""
    return len(list(journal_paths(store.root)))


def test_envcap_run_writes_them(payload: Run, store: LocalStore, quanta: Callable[[], list[Attempt]]) -> None:
    done = payload(
        "quantum = begun(process())\n"
        "open('out', 'w').write('pixels')\n"
        "quantum.writes[OTHER] = quantum.writes[quantum._facts['quantum']] = 'file://' + os.path.abspath('out')\n"
        "quantum.end(None)\n"
        "begun(process(), OTHER).end(ValueError('no'))\n"
    )
    assert (done.returncode, done.stderr) == (0, "")
    one, two = quanta()
    assert (one.state, two.state, one.degraded, two.degraded) == ("ok", "failed", False, False)
    assert one.result is not None
    assert two.result is not None
    assert [output.file.digest for output in one.result.outputs] == [digest_of(b"pixels")]
    assert two.result.error == "ValueError: no"
    assert two.result.missing == (_OTHER,)
    (job,) = Index(store).attempts("kind = 'command'")
    assert {one.manifest.job.parent, two.manifest.job.parent} == {job.manifest.attempt}
    assert one.manifest.writer == job.manifest.writer
    assert one.recipe.software == job.recipe.software
    assert set(one.result.observed or {}) >= {"loaded_libraries", "imported_modules"}
    assert journals(store) == 1


def test_a_manifest_is_there_while_its_quantum_runs(payload: Run, quanta: Callable[[], list[Attempt]]) -> None:
    done = payload("quantum = begun(process())\non_record('manifest', 2)\nquantum.end(None)\non_record('result', 1)\n")
    assert done.returncode == 0, done.stderr
    assert [one.state for one in quanta()] == ["ok"]


def test_of_a_payload_that_is_killed_all_that_it_said_is_there(
    payload: Run, quanta: Callable[[], list[Attempt]]
) -> None:
    done = payload("begun(process()).end(None)\nbegun(process(), OTHER)\nos.kill(os.getpid(), signal.SIGKILL)\n")
    assert done.returncode == 128 + 9
    assert [(one.manifest.job.quantum, one.state) for one in quanta()] == [(UUID, "ok"), (_OTHER, "lost")]


def test_a_payload_that_loses_envcap_run_goes_on_and_records_the_next_one_itself(
    payload: Run, store: LocalStore, quanta: Callable[[], list[Attempt]]
) -> None:
    done = payload(
        "signal.signal(signal.SIGPIPE, signal.SIG_DFL)\n"
        "quantum, parent = begun(process()), os.getppid()\n"
        "on_record('manifest', 2)\n"
        "os.kill(parent, signal.SIGKILL)\n"
        "while os.getppid() == parent: time.sleep(0.01)\n"
        "quantum.end(None)\n"
        "begun(process(), OTHER).end(None)\n"
        "print('ended well')\n"
    )
    assert (done.returncode, done.stdout) == (-9, "ended well\n")
    assert [(one.manifest.job.quantum, one.state) for one in quanta()] == [(UUID, "lost"), (_OTHER, "ok")]
    assert journals(store) == 2


def test_a_forked_child_is_heard_too(payload: Run, store: LocalStore, quanta: Callable[[], list[Attempt]]) -> None:
    done = payload(
        "running = begun(process())\n"
        "if not os.fork():\n"
        "    begun(process(), OTHER).end(None)\n"
        "    os._exit(0)\n"
        "os.wait()\n"
        "running.end(None)\n"
    )
    assert done.returncode == 0
    assert sorted((one.manifest.job.quantum, one.state) for one in quanta()) == [(UUID, "ok"), (_OTHER, "ok")]
    assert journals(store) == 1


_AS_A_CHILD = "if sys.argv[1:] != ['child']:\n    sys.exit(subprocess.call([sys.executable, __file__, 'child']))"


@pytest.mark.parametrize(
    "before",
    [
        pytest.param(_AS_A_CHILD, id="no descriptors"),
        pytest.param("os.environ['PYTHONPATH'] = '/elsewhere'", id="another environment"),
        pytest.param("os.environ.pop('ENVCAP_CONFIRM')", id="no listener"),
    ],
)
def test_where_envcap_run_can_not_hear_the_process_writes_itself(
    payload: Run, store: LocalStore, quanta: Callable[[], list[Attempt]], before: str
) -> None:
    done = payload(f"{before}\nbegun(process()).end(None)\n")
    assert done.returncode == 0, done.stderr
    assert [(one.state, one.degraded) for one in quanta()] == [("ok", False)]
    assert journals(store) == 2


_NONSENSE = [
    ("nonsense", "Expecting value"),
    ("[1, 2]", "unpack"),
    ("[" * 100_000, "recursion"),
    ('["stranger", "begin", {"number": 1}]', "KeyError: 'stranger'"),
    ('[["a list"], "process", {}]', "KeyError: 'argv'"),
    ('["x", "process", []]', "TypeError"),
    ('["x", "process", {"argv": 7, "scheduler": null, "prefix": "", "base_prefix": ""}]', "TypeError"),
    ('["{process}", "end", {"number": 77}]', "KeyError"),
    ('["{process}", "begin", {"number": 78, "data_id": {}}]', "KeyError"),
    ('["{process}", "config", {"number": 79, "text": 7}]', "Error"),
    ('["{process}", "no such", {"number": 80}]', "no fact is of the kind 'no such'"),
    ('["{process}", "config", 7]', "TypeError"),
]


def test_nonsense_is_told_and_hides_nothing_else(
    payload: Run, store: LocalStore, quanta: Callable[[], list[Attempt]]
) -> None:
    done = payload(
        "quantum = begun(process())\n"
        f"for line in {[said for said, _ in _NONSENSE]!r}:\n"
        "    assert say(FACT + line.replace('{process}', process().recorder._name))\n"
        "    wake()\n"
        "quantum.end(None)\n"
    )
    assert done.returncode == 0
    assert "Traceback" not in done.stderr
    assert [(one.state, one.degraded) for one in quanta()] == [("ok", False)]
    (job,) = Index(store).attempts("kind = 'command'")
    assert job.result is not None
    told = job.result.degraded or {}
    reasons = [told[name] for name in sorted(told, key=lambda name: int(name.removeprefix("hook ")))]
    assert len(reasons) == len(_NONSENSE)
    for reason, (_, expected) in zip(reasons, _NONSENSE, strict=True):
        assert reason.startswith("quantum: what is told of it")
        assert expected in reason
        assert reason in done.stderr


def test_no_stored_byte_holds_a_secret(
    payload: Run, store: LocalStore, quanta: Callable[[], list[Attempt]], stored_bytes: Callable[[LocalStore], bytes]
) -> None:
    secret = "hunter2hunter2"
    done = payload(
        f"sys.argv += ['--password', {secret!r}]\n"
        f"quantum = begun(process(), butler='s3://me:{secret}@host/repo')\n"
        f"quantum.metrics['connection'] = 'postgresql://me:{secret}@host/db'\n"
        f"quantum.end(ValueError('postgresql://me:{secret}@host/db refused control-c0ntr0l'))\n"
    )
    assert done.returncode == 0, done.stderr
    (found,) = quanta()
    assert found.manifest.job.butler == "s3://me:<scrubbed:url-credentials>@host/repo"
    data = stored_bytes(store)
    assert b"control-c0ntr0l" in data
    assert secret.encode() not in data


def test_without_the_code_that_writes_them_the_next_one_is_written_by_its_process(
    payload: Run, store: LocalStore, quanta: Callable[[], list[Attempt]], tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\n"
        "class Gone:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'envcap.hooks.recorder': raise ImportError('gone')\n"
        "if 'run' in sys.orig_argv[2:3]: sys.meta_path.insert(0, Gone())\n"
    )
    done = payload(
        "begun(process()).end(None)\n"
        "while process().recorder.is_there() and 'Run' in type(process().recorder).__name__: time.sleep(0.01)\n"
        "begun(process(), OTHER).end(None)\nprint('ran')\n",
        env={"PYTHONPATH": str(tmp_path)},
    )
    assert (done.returncode, done.stdout) == (0, "ran\n")
    assert done.stderr == "envcap: degraded: listening: ImportError: gone\n"
    assert [one.manifest.job.quantum for one in quanta()] == [_OTHER]
    (job,) = Index(store).attempts("kind = 'command'")
    assert job.result is not None
    assert list((job.result.degraded or {}).values()) == ["listening: ImportError: gone"]


def test_those_of_a_block_belong_to_the_block(
    payload: Run, quanta: Callable[[], list[Attempt]], store: LocalStore, tmp_path: Path
) -> None:
    other = LocalStore(str(tmp_path / "other"))
    done = payload(
        "import envcap\n"
        "begun(process()).end(None)\n"
        f"with envcap.capture('block', store={other.root!r}): begun(process(), OTHER).end(None)\n"
        "begun(process(), OTHER[:-1] + 'f').end(None)\n"
    )
    assert done.returncode == 0, done.stderr
    assert [one.manifest.job.quantum for one in quanta()] == [UUID, _OTHER[:-1] + "f"]
    block, quantum = sorted(Index(other).attempts(), key=lambda one: one.manifest.job.kind)
    assert (block.manifest.job.kind, quantum.manifest.job.quantum) == ("block", _OTHER)
    assert quantum.manifest.job.parent == block.manifest.attempt


def test_a_child_that_ends_within_a_quantum_does_not_end_it(
    payload: Run, store: LocalStore, quanta: Callable[[], list[Attempt]]
) -> None:
    done = payload(
        "quantum = begun(process())\n"
        "if not os.fork():\n"
        "    quantum.end(SystemExit(0))\n"
        "    os._exit(0)\n"
        "os.wait()\n"
        "quantum.end(None)\n"
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert [one.state for one in quanta()] == ["ok"]


def test_what_is_no_file_is_not_waited_for(payload: Run, quanta: Callable[[], list[Attempt]]) -> None:
    done = payload(
        "os.mkfifo('pipe')\n"
        "quantum = begun(process())\n"
        "quantum.writes[quantum._facts['quantum']] = 'file://' + os.path.abspath('pipe')\n"
        "quantum.end(None)\n"
    )
    assert done.returncode == 0
    (found,) = quanta()
    assert found.result is not None
    assert "no regular file" in (found.result.degraded or {})[f"output {UUID}"]


def test_endless_nonsense_is_cut_short(payload: Run, store: LocalStore) -> None:
    done = payload(
        "for i in range(3000): assert say(FACT + 'x' * 10)\nassert say(FACT + '[\"' + 'x' * 10**7 + '\", 1]')\n"
    )
    assert done.returncode == 0
    (job,) = Index(store).attempts("kind = 'command'")
    assert job.result is not None
    reasons = list((job.result.degraded or {}).values())
    assert len(reasons) == 1001
    assert "quantum: more than 1000 complaints" in reasons
    assert len(done.stderr) < 2_000_000
