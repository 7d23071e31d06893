# SPDX-License-Identifier: Apache-2.0
"""Each restriction of bubblewrap, by a probe that notices if it is taken away."""

from __future__ import annotations

import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from replay.sandbox.base import Ended, Limits, Mount, Program
from replay.sandbox.bubblewrap import Bubblewrap, _program
from replay.sandbox.unconfined import Unconfined

_LIMITS = Limits(seconds=60)
_PYTHON = os.path.realpath(sys.executable)
"""The interpreter that a virtual environment is based on: the environment itself may be in ``/tmp``."""


@dataclass(frozen=True)
class Probe:
    """A program that ends with 0 only while a restriction holds.

    Attributes
    ----------
    old, new : `str`
        What stands in the options, and what stands there without the restriction; words with spaces between.
    code : `str`
        Python; names in capitals are replaced.
    """

    old: str
    new: str
    code: str


_REFUSED = "import socket, sys\ntry:\n    {code}\nexcept OSError:\n    sys.exit(0)\nsys.exit(1)"
_IS_THERE = "import os; raise SystemExit(os.path.exists('{place}'))"
_ALL = "--unshare-all"
_ALL_BUT = "--unshare-user-try --unshare-ipc --unshare-pid --unshare-net --unshare-uts --unshare-cgroup-try"
_NAMESPACE = "import os; raise SystemExit(os.readlink('/proc/self/ns/{kind}') == '{inode}')"

PROBES = {
    "this host is read-only": Probe("--ro-bind / /", "--bind / /", _REFUSED.format(code="open('HOST/written', 'w')")),
    "a temporary directory of its own": Probe("--tmpfs /tmp ", "", _IS_THERE.format(place="TMP")),
    "another one of its own": Probe("--tmpfs /var/tmp ", "", _IS_THERE.format(place="VAR_TMP")),
    "no sockets of services": Probe("--tmpfs /run ", "", _IS_THERE.format(place="RUN")),
    "no key": Probe("--tmpfs KEYS ", "", _IS_THERE.format(place="KEYS/key")),
    "no network": Probe(
        _ALL,
        _ALL_BUT.replace(" --unshare-net", ""),
        _REFUSED.format(code="socket.create_connection(('127.0.0.1', PORT), 2)"),
    ),
    "processes of its own": Probe(
        _ALL, _ALL_BUT.replace(" --unshare-pid", ""), "import os; raise SystemExit(os.path.exists('/proc/PID'))"
    ),
    "shared memory of its own": Probe(
        _ALL, _ALL_BUT.replace(" --unshare-ipc", ""), _NAMESPACE.format(kind="ipc", inode="IPC")
    ),
    "a host name of its own": Probe(
        _ALL, _ALL_BUT.replace(" --unshare-uts", ""), _NAMESPACE.format(kind="uts", inode="UTS")
    ),
    "no capabilities": Probe(
        "--cap-drop ALL",
        "",
        "text = open('/proc/self/status').read(); raise SystemExit(int(text.split('CapEff:')[1].split()[0], 16) != 0)",
    ),
    "no terminal of ours": Probe("--new-session", "", "import os; raise SystemExit(os.getsid(0) == 0)"),
    "it ends with us": Probe(
        "--die-with-parent",
        "",
        "from ctypes import CDLL, byref, c_int\nn = c_int()\n"
        "CDLL(None).prctl(2, byref(n)); raise SystemExit(n.value != 9)",
    ),
}


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bubblewrap: Path) -> Iterator[dict[str, str]]:
    """Give what the names in the probes stand for: places of this host that a payload has no business in."""
    monkeypatch.setenv("PATH", f"{bubblewrap}:{os.environ['PATH']}")
    _program.cache_clear()
    # A home directory may be in /tmp.
    host = "/var/lib" if os.access("/var/lib", os.W_OK) else str(Path.home())
    found = {
        name: tempfile.mkdtemp(prefix="envcap-probe-", dir=folder)
        for name, folder in {"HOST": host, "KEYS": host, "VAR_TMP": "/var/tmp", "RUN": "/run"}.items()
        if os.access(folder, os.W_OK)
    }
    Path(found["KEYS"], "key").write_bytes(bytes(32))
    monkeypatch.setenv("ENVCAP_KEY", f"{found['KEYS']}/key")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        spaces = {kind.upper(): os.readlink(f"/proc/self/ns/{kind}") for kind in ("ipc", "uts")}
        yield {**found, **spaces, "TMP": str(tmp_path / "ours"), "PORT": port, "PID": str(os.getpid())}
    for path in found.values():
        shutil.rmtree(path)
    _program.cache_clear()


@pytest.fixture
def run(places: dict[str, str], tmp_path: Path) -> Callable[..., Ended]:
    """Give a function that runs Python in a sandbox, some options of which may be replaced."""
    (tmp_path / "ours").write_text("ours")
    folder = tmp_path / "scratch"
    folder.mkdir()

    def run(code: str, probe: Probe | None = None, *mounts: Mount, network: bool = False) -> Ended:
        class Loose(Bubblewrap):
            def _options(self, program: Program) -> Iterator[str]:
                text = "\n".join(super()._options(program))
                if probe is not None:
                    old, new = (_filled(one, places).replace(" ", "\n") for one in (probe.old, probe.new))
                    assert text.count(old) == 1, (old, text)
                    text = text.replace(old, new)
                return iter([word for word in text.split("\n") if word])

        program = Program(
            [_PYTHON, "-c", _filled(code, places)],
            {},
            [Mount(str(folder), str(folder), writable=True), *mounts],
            str(folder),
            str(tmp_path / "log"),
            network=network,
        )
        sandbox = Loose.found(_LIMITS)
        assert sandbox is not None
        with sandbox.start(program) as process:
            return process.wait(_LIMITS.seconds)

    return run


def _filled(text: str, places: dict[str, str]) -> str:
    for name in sorted(places, key=len, reverse=True):
        text = text.replace(name, places[name])
    return text


@pytest.mark.parametrize("name", PROBES)
def test_a_restriction(name: str, run: Callable[..., Ended], places: dict[str, str], tmp_path: Path) -> None:
    probe = PROBES[name]
    if "'RUN'" in probe.code and "RUN" not in places:
        pytest.skip("only root puts a file into /run")
    assert run(probe.code).status == 0, (tmp_path / "log").read_text()
    # The tamper case: without the restriction, the probe fails.
    assert run(probe.code, probe).status == 1, (tmp_path / "log").read_text()


def test_what_is_mounted_is_read_only_but_for_one_place(run: Callable[..., Ended], tmp_path: Path) -> None:
    (given := tmp_path / "given").write_text("given")
    code = f"open('made', 'w').write(open({str(given)!r}).read())\n" + _REFUSED.format(
        code=f"open({str(given)!r}, 'a')"
    )
    assert run(code, None, Mount(str(given), str(given))).status == 0, (tmp_path / "log").read_text()
    assert (tmp_path / "scratch" / "made").read_text() == "given"
    assert run(code, None, Mount(str(given), str(given), writable=True)).status == 1


def test_a_network_where_one_is_needed(run: Callable[..., Ended]) -> None:
    assert run(PROBES["no network"].code, network=True).status == 1


def test_where_it_does_not_work_it_is_not_taken(
    places: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert places
    (tmp_path / "bwrap").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "bwrap").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    _program.cache_clear()
    assert Bubblewrap.found(_LIMITS) is None
    assert not Unconfined(_LIMITS).alone
