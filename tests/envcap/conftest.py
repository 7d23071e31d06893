# SPDX-License-Identifier: Apache-2.0
"""What the tests of envcap share: stores, real environments, really full and read-only disks."""

from __future__ import annotations

import base64
import hashlib
import itertools
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from envcap.collectors.base import Keep
from envcap.digest import digest_of
from envcap.environment import Environment
from envcap.ids import timestamp, uuid7
from envcap.model.components import Command
from envcap.model.descriptor import Descriptor, describe, describe_bytes
from envcap.model.manifest import DatasetGroup, Job, Manifest, Outcome, Writer
from envcap.model.result import FileRecord, Output, Result
from envcap.store.index import Attempt, Index
from envcap.store.journal import Journal
from envcap.store.local import LocalStore
from envcap.store.selector import resolve
from envcap.store.state import this_process
from envcap.target import Target
from tests.services.postgresql import running_postgresql

BIN = Path(sys.executable).parent
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    """Give an empty store."""
    made = LocalStore(str(tmp_path / "store"))
    made.create()
    return made


@pytest.fixture
def keep(store: LocalStore) -> Keep:
    """Give what a collector keeps blobs with; they go into the store."""

    def keep(media_type: str, data: bytes) -> Descriptor:
        store.put(data)
        return describe_bytes(media_type, data)

    return keep


@pytest.fixture
def stored_bytes() -> Callable[[LocalStore], bytes]:
    """Give a function that returns every byte of a store: objects, journals, index."""

    def read(store: LocalStore) -> bytes:
        return b"\n".join(path.read_bytes() for path in sorted(Path(store.root).rglob("*")) if path.is_file())

    return read


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """Give the directory that the command line runs in."""
    made = tmp_path / "work"
    made.mkdir()
    return made


@pytest.fixture
def clean_environ(request: pytest.FixtureRequest) -> dict[str, str]:
    """Give this process's environment without what a developer's shell could bend a test with."""
    if "database" in request.fixturenames:
        request.getfixturevalue("database")
    bending = ("ENVCAP_", "PYTHON", "GIT_", "PYTEST_", "VIRTUAL_ENV")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(bending)}
    own = {name: os.environ[name] for name in ("ENVCAP_CACHE", "ENVCAP_INDEX") if name in os.environ}
    return {**kept, **own}


@pytest.fixture
def envcap(store: LocalStore, work: Path, clean_environ: dict[str, str]) -> Run:
    """Give a function that runs the `envcap` command line on the store, in a process of its own."""

    def run(*words: str, env: dict[str, str] | None = None, **others: object) -> subprocess.CompletedProcess[str]:
        environ = {"ENVCAP_STORE": store.root, **clean_environ, **(env or {})}
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "timeout": 60, "cwd": work}
        return subprocess.run([BIN / "envcap", *words], env=environ, **{**streams, **others})  # type: ignore[call-overload]

    return run


@pytest.fixture
def last(store: LocalStore) -> Callable[[], Attempt]:
    """Give a function that returns the store's latest attempt."""
    return lambda: resolve(Index(store), "@last")


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """Give the URL of a real PostgreSQL."""
    with running_postgresql() as url:
        yield url


@pytest.fixture(params=("SQLite", "PostgreSQL"))
def database(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Have indexes kept in a database of one kind, and of the other; give its name."""
    if request.param == "PostgreSQL":
        monkeypatch.setenv("ENVCAP_INDEX", request.getfixturevalue("postgresql"))
    return str(request.param)


@pytest.fixture
def add_attempt(store: LocalStore) -> Callable[..., str]:
    """Give a function that writes one attempt into a journal of its own and returns the attempt's id.

    Attempts start a second apart, in the order of the calls.
    """
    seconds = itertools.count(1_800_000_000)

    def add(
        job_id: str | None = None,
        *,
        argv: tuple[str, ...] = ("reduce",),
        status: str | None = "ok",
        quantum: str | None = None,
        datasets: tuple[str, ...] = (),
        outputs: dict[str, bytes] | None = None,
        parent: str | None = None,
        replay_of: str | None = None,
        writer: Writer | None = None,
        degraded: bool = False,
        run: str | None = None,
        ended: bool = False,
    ) -> str:
        time.sleep(0.001)  # the names of journals, and so their order, have milliseconds
        attempt = uuid7()
        recipe = Environment(Target.none({})).recipe(Command(argv=argv, config={}, inputs={}))
        group = DatasetGroup(dataset_type="coadd", run="u/me/run", dimensions=[], rows=[[d] for d in datasets])
        job = Job(
            kind="quantum" if quantum else "command",
            name=argv[0],
            activator="test",
            argv=argv,
            quantum=quantum,
            parent=parent,
            run=run,
            outputs=[group] if datasets else None,
        )
        manifest = Manifest(
            attempt=attempt,
            job_id=job_id or quantum or attempt,
            started=timestamp(next(seconds) * 10**9),
            recipe=describe(recipe),
            host={},
            job=job,
            writer=writer or this_process(),
            outcomes={"source": Outcome(status="failed", reason="no reason")} if degraded else {},
            degraded=degraded,
            replay_of=replay_of,
            envcap="0",
        )
        journal = Journal(store.root)
        journal.append(("recipe", recipe.to_bytes()), ("manifest", manifest.to_bytes()))
        if status is not None:
            files = [
                Output(file=FileRecord(uri=f"file://{path}", digest=digest_of(data), size=len(data)))
                for path, data in (outputs or {}).items()
            ]
            result = Result(
                attempt=attempt,
                manifest=digest_of(manifest.to_bytes()),
                ended=timestamp(next(seconds) * 10**9),
                status=status,
                inputs=[],
                outputs=files,
                resources={},
            )
            journal.append(("result", result.to_bytes()))
        if ended:
            journal.close()
        return attempt

    return add


@pytest.fixture
def journal_files(store: LocalStore) -> Callable[[], list[Path]]:
    """Give a function that lists the store's journals, oldest first."""
    return lambda: sorted(Path(store.root, "journal").glob("*/*/*"), key=lambda path: path.name)


def _cannot(what: str, why: str) -> None:
    """Skip a test on a machine that lacks something; in CI, where nothing may go unproved, fail it."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what} must work in CI: {why}")
    pytest.skip(f"{what}: {why}")


def _mount(*words: str) -> None:
    try:
        done = subprocess.run(["mount", *words], capture_output=True, text=True, check=False)
    except FileNotFoundError as err:
        _cannot("mount", str(err))
    else:
        if done.returncode:
            _cannot("mount", done.stderr.strip())


@pytest.fixture
def cannot() -> Callable[[str, str], None]:
    """Give what ends a test for which this machine lacks something: a failure in CI, else a skip."""
    return _cannot


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Give a file system of 512 KiB."""
    place = tmp_path / "small_disk"
    place.mkdir()
    _mount("-t", "tmpfs", "-o", "size=512k", "envcap-test", str(place))
    yield place
    subprocess.run(["umount", "-l", place], check=True)


@pytest.fixture
def fill() -> Callable[[Path], Path]:
    """Give a function that fills a file system to its last byte and returns the file that fills it."""

    def fill(disk: Path) -> Path:
        path = disk / "filler"
        with path.open("ab", buffering=0) as stream:
            for size in (4096, 1):
                try:
                    while True:
                        stream.write(b"\0" * size)
                except OSError:
                    continue
        return path

    return fill


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Callable[[str], str]]:
    """Give a function that mounts a directory read-only elsewhere and returns where."""
    places: list[Path] = []

    def mount(path: str) -> str:
        place = tmp_path / f"read_only{len(places)}"
        place.mkdir()
        _mount("--bind", path, str(place))
        places.append(place)
        _mount("-o", "remount,bind,ro", str(place))
        return str(place)

    yield mount
    for place in places:
        subprocess.run(["umount", "-l", place], check=True)


@pytest.fixture
def run_quietly(clean_environ: dict[str, str], tmp_path: Path) -> Callable[..., str]:
    """Give a function that runs a program that must succeed and returns what it prints."""
    environ = {
        **clean_environ,
        "UV_CACHE_DIR": str(tmp_path / "uv-cache"),
        "UV_NO_CONFIG": "1",
        "UV_OFFLINE": "1",
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_NO_INDEX": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_SYSTEM": os.devnull,
        **{f"GIT_{who}_{what}": "t@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
    }

    def run(*words: object, env: dict[str, str] | None = None, cwd: Path | None = None) -> str:
        done = subprocess.run(
            [str(word) for word in words], env={**environ, **(env or {})}, cwd=cwd, capture_output=True, text=True
        )
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout

    return run


@pytest.fixture
def wheel(tmp_path: Path) -> Callable[..., Path]:
    """Give a function that builds a wheel: modules by name, and console scripts (``name=module:function``)."""

    def build(name: str, modules: dict[str, str] | None = None, *, version: str = "1.0", script: str = "") -> Path:
        info = f"{name}-{version}.dist-info"
        files = {
            **(modules or {f"{name}.py": "answer = 42\n"}),
            f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
            f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        }
        if script:
            files[f"{info}/entry_points.txt"] = f"[console_scripts]\n{script}\n"
        rows = []
        for path, text in files.items():
            data = text.encode()
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            rows.append(f"{path},sha256={digest},{len(data)}\n")
        files[f"{info}/RECORD"] = "".join(rows) + f"{info}/RECORD,,\n"
        made = tmp_path / "wheels" / f"{name}-{version}-py3-none-any.whl"
        made.parent.mkdir(exist_ok=True)
        with zipfile.ZipFile(made, "w") as archive:
            for path, text in files.items():
                archive.writestr(zipfile.ZipInfo(path), text)
        return made

    return build


@pytest.fixture
def venv(tmp_path: Path, run_quietly: Callable[..., str]) -> Callable[..., Path]:
    """Give a function that makes a virtual environment with uv, installs into it, and returns its Python."""
    numbers = itertools.count()

    def make(*wheels: Path) -> Path:
        prefix = tmp_path / f"venv{next(numbers)}"
        run_quietly(BIN / "uv", "venv", "-q", "--python", sys.executable, prefix)
        python = prefix / "bin" / "python"
        if wheels:
            run_quietly(BIN / "uv", "pip", "install", "-q", "--link-mode=copy", "--python", python, *wheels)
        return python

    return make


@pytest.fixture
def uv_install(run_quietly: Callable[..., str]) -> Callable[..., None]:
    """Give a function that installs into an environment with uv."""

    def install(python: Path, *what: object) -> None:
        run_quietly(BIN / "uv", "pip", "install", "-q", "--link-mode=copy", "--python", python, *what)

    return install


@pytest.fixture(scope="session")
def pip_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the Python of an environment made by `venv` that has pip and nothing else. Not to be changed."""
    prefix = tmp_path_factory.mktemp("pip") / "venv"
    subprocess.run([sys.executable, "-m", "venv", prefix], check=True, capture_output=True)
    return prefix / "bin" / "python"


@pytest.fixture
def pip_venv(tmp_path: Path, pip_home: Path, run_quietly: Callable[..., str]) -> Callable[..., Path]:
    """Give a function that makes an environment with `venv`, installs into it with pip, and returns its Python."""
    numbers = itertools.count()

    def make(*wheels: Path) -> Path:
        prefix = tmp_path / f"pip_venv{next(numbers)}"
        run_quietly(sys.executable, "-m", "venv", "--without-pip", prefix)
        python = prefix / "bin" / "python"
        if wheels:
            run_quietly(pip_home, "-m", "pip", "--python", python, "install", "-q", *wheels)
        return python

    return make


@pytest.fixture
def site_packages() -> Callable[[Path], Path]:
    """Give a function that returns where an environment's Python has its distributions."""
    return lambda python: next((python.parent.parent / "lib").glob("python*/site-packages"))


@pytest.fixture
def target_of(clean_environ: dict[str, str], tmp_path: Path) -> Callable[..., Target]:
    """Give a function that returns the target of a Python, run on a script in a directory without code."""

    def find(python: Path | str = sys.executable, **environ: str) -> Target:
        script = tmp_path / "elsewhere" / "job.txt"
        script.parent.mkdir(exist_ok=True)
        script.touch()
        return Target.of_command([str(python), str(script)], {**clean_environ, **environ})

    return find
