# SPDX-License-Identifier: Apache-2.0
"""Conda packages: real prefixes, installed by rattler from a real channel, held against rattler's own reading."""

from __future__ import annotations

import functools
import http.server
import json
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from rattler import PrefixRecord

from envcap.collectors.base import Absent, Collected, Keep
from envcap.collectors.conda import CondaCollector, conda_prefix
from envcap.digest import digest_of
from envcap.environment import capture_environment
from envcap.model.components import Conda, CondaPackage
from envcap.store.local import LocalStore
from envcap.target import Target
from tests.conda_channel import install, make_channel

Collect = Callable[[Path], Collected]
Quietly = Callable[..., str]

TOKEN = "xy-01234567-89ab-cdef-0123-456789abcdef"
PASSWORD = "hunter2hunter2"


@pytest.fixture(scope="session")
def channel(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Give the URL of a channel. Not to be changed."""
    return make_channel(tmp_path_factory.mktemp("conda") / "channel")


@pytest.fixture
def prefix(channel: str, tmp_path: Path) -> Path:
    """Give a prefix with a Python, an application and what that needs."""
    install(channel, tmp_path / "prefix", ["app", "tool 1.0 0"])
    return tmp_path / "prefix"


@pytest.fixture
def collected(keep: Keep, target_of: Callable[..., Target]) -> Collect:
    """Give a function that collects what is in the prefix of a Python."""
    return lambda python: CondaCollector().collect(target_of(python), keep)


@pytest.fixture
def serve(channel: str) -> Iterator[Callable[[str], str]]:
    """Give a function that serves the channel below a path and returns its address."""
    folder = channel.removeprefix("file://")
    servers = []

    def start(path: str) -> str:
        class Handler(http.server.SimpleHTTPRequestHandler):
            def translate_path(self, asked: str) -> str:
                return super().translate_path(asked.removeprefix(path))

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=folder))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"127.0.0.1:{server.server_port}{path}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def packages(found: Collected) -> dict[str, CondaPackage]:
    """Return the packages by name."""
    assert isinstance(found.component, Conda)
    return {package.name: package for package in found.component.packages}


def digest(found: Collected) -> str:
    """Return the component's digest."""
    return digest_of(found.component.to_bytes())


def edit(prefix: Path, name: str, /, **members: object) -> None:
    """Change members of a package's record; what is made `None` is taken out."""
    (path,) = (prefix / "conda-meta").glob(f"{name}-*.json")
    record = {**json.loads(path.read_text()), **members}
    path.write_text(json.dumps({k: v for k, v in record.items() if v is not None}, indent=2))


def python_of(prefix: Path) -> Path:
    """Return the interpreter of a prefix."""
    return prefix / "bin" / "python"


class TestCaptured:
    """What is in a prefix."""

    def test_every_package_as_rattler_reads_it(self, collected: Collect, prefix: Path, run_quietly: Quietly) -> None:
        assert run_quietly(prefix / "bin" / "app").split() == ["app", str(prefix)]
        found = packages(collected(python_of(prefix)))
        assert list(found) == ["app", "python", "table", "tool"]
        for path in (prefix / "conda-meta").glob("*.json"):
            record = PrefixRecord.from_path(path)
            assert record.md5 is not None
            assert record.sha256 is not None
            assert found[record.name.normalized] == CondaPackage(
                name=record.name.normalized, version=str(record.version), build=str(record.build), subdir=record.subdir,
                md5=record.md5.hex(), sha256=record.sha256.hex(),
            )  # fmt: skip

    def test_a_channel_in_a_directory_is_a_place(self, collected: Collect, prefix: Path, channel: str) -> None:
        found = collected(python_of(prefix))
        assert found.place["prefix"] == str(prefix)
        assert isinstance(found.place["urls"], dict)
        assert found.place["urls"]["table"] == f"{channel}/noarch/table-2024.1-0.conda"
        assert channel.encode() not in found.component.to_bytes()
        assert str(prefix).encode() not in found.component.to_bytes()

    def test_a_channel_on_the_web_is_told_with_its_url(
        self, collected: Collect, prefix: Path, serve: Callable[[str], str]
    ) -> None:
        base = f"http://{serve('/mine')}"
        shutil.rmtree(prefix)
        install(base, prefix, ["app"])
        found = packages(collected(python_of(prefix)))["table"]
        assert (found.channel, found.url) == (base, f"{base}/noarch/table-2024.1-0.conda")
        before = found
        for told in (f"{base}/", f"{base}/noarch", "mine", None):
            edit(prefix, "table", channel=told)
            assert packages(collected(python_of(prefix)))["table"] == before

    def test_a_channel_without_a_url_is_told_as_it_is(self, collected: Collect, prefix: Path) -> None:
        edit(prefix, "table", url=None, channel="conda-forge")
        found = packages(collected(python_of(prefix)))["table"]
        assert (found.channel, found.url) == ("conda-forge", None)


class TestSame:
    """What does not matter."""

    def test_another_prefix_another_time(self, collected: Collect, channel: str, prefix: Path, tmp_path: Path) -> None:
        other = tmp_path / "a" / "much-longer-name-than-the-first"
        other.parent.mkdir()
        install(channel, other, ["tool 1.0 0", "app"])
        assert digest(collected(python_of(prefix))) == digest(collected(python_of(other)))
        records = [(place / "conda-meta" / "tool-1.0-0.json").read_text() for place in (prefix, other)]
        assert records[0] != records[1]

    def test_times_links_requests_and_history(self, collected: Collect, prefix: Path) -> None:
        before = digest(collected(python_of(prefix)))
        edit(prefix, "tool", timestamp=1, link={"source": "/x", "type": 2}, requested_spec="tool", size=1, files=["x"])
        (prefix / "conda-meta" / "history").write_text("==> 2026-11-23 08:00:00 <==\n+x\n")
        (prefix / "conda-meta" / "state").write_text('{"env_vars": {"X": "y"}}')
        assert digest(collected(python_of(prefix))) == before

    def test_the_same_by_another_installer(self, collected: Collect, prefix: Path) -> None:
        """Conda sorts the members, mamba indents by four, others write one line."""
        before = digest(collected(python_of(prefix)))
        for path in (prefix / "conda-meta").glob("*.json"):
            record = json.loads(path.read_text())
            for text in (
                json.dumps(record, indent=4),
                json.dumps(record),
                json.dumps(record, indent=2, sort_keys=True),
            ):
                path.write_text(text)
                assert digest(collected(python_of(prefix))) == before


class TestDifferent:
    """What matters."""

    def test_another_build_or_version_one_more_or_less(self, collected: Collect, prefix: Path, channel: str) -> None:
        python = python_of(prefix)
        first = collected(python)
        seen = [digest(first)]
        for specs in (["app", "tool 1.0 1"], ["app", "tool 1.1"], ["python"], ["python", "table"]):
            install(channel, prefix, specs)
            found = collected(python)
            assert packages(found).get("python") == packages(first)["python"]
            assert set(packages(found)) == {path.stem.split("-")[0] for path in prefix.glob("conda-meta/*.json")}
            seen.append(digest(found))
        assert len(set(seen)) == len(seen)
        install(channel, prefix, ["app", "tool 1.0 0"])
        assert digest(collected(python)) == seen[0]

    @pytest.mark.parametrize("member", ["name", "version", "build", "subdir", "md5", "sha256"])
    def test_one_changed_letter(self, collected: Collect, prefix: Path, member: str) -> None:
        before = collected(python_of(prefix))
        text = packages(before)["tool"].data[member]
        edit(prefix, "tool", **{member: ("x" if text[0] != "x" else "y") + text[1:]})
        assert digest(collected(python_of(prefix))) != digest(before)


class TestVirtualEnvironment:
    """An environment made from a conda Python belongs to its prefix."""

    def test_made_by_venv(self, collected: Collect, prefix: Path, tmp_path: Path, run_quietly: Quietly) -> None:
        run_quietly(python_of(prefix), "-m", "venv", "--without-pip", tmp_path / "venv")
        found = collected(python_of(tmp_path / "venv"))
        assert found.place["prefix"] == str(prefix)
        assert digest(found) == digest(collected(python_of(prefix)))

    def test_made_through_a_link(
        self, target_of: Callable[..., Target], prefix: Path, tmp_path: Path, run_quietly: Quietly
    ) -> None:
        (tmp_path / "links").mkdir()
        (tmp_path / "links" / "python3").symlink_to(python_of(prefix))
        run_quietly(python_of(prefix), "-m", "venv", "--without-pip", tmp_path / "venv")
        config = tmp_path / "venv" / "pyvenv.cfg"
        config.write_text(config.read_text().replace(f"home = {prefix}/bin", f"home = {tmp_path}/links"))
        assert str(tmp_path / "links") in config.read_text()
        target = target_of(python_of(prefix))
        target.prefix, target.executable = str(tmp_path / "venv"), str(tmp_path / "venv" / "bin" / "python3")
        assert conda_prefix(target) == str(prefix)

    def test_made_from_another_python_has_none(self, collected: Collect, venv: Callable[..., Path]) -> None:
        python = venv()
        assert (python.parent.parent / "pyvenv.cfg").exists()
        with pytest.raises(Absent, match="no conda-meta"):
            collected(python)


class TestSecrets:
    """Channels that ask who one is."""

    @pytest.mark.parametrize("user", ["", f"me:{PASSWORD}@"])
    def test_a_token_does_not_reach_the_store(
        self, serve: Callable[[str], str], user: str, prefix: Path, target_of: Callable[..., Target],
        store: LocalStore, stored_bytes: Callable[[LocalStore], bytes],
    ) -> None:  # fmt: skip
        shutil.rmtree(prefix)
        install(f"http://{user}{serve(f'/t/{TOKEN}/mine')}", prefix, ["app"])
        record = (prefix / "conda-meta" / "table-2024.1-0.json").read_text()
        assert TOKEN in record
        assert not user or PASSWORD in record
        environment = capture_environment(target_of(python_of(prefix)), store, [CondaCollector])
        assert environment.outcomes["conda"].status == "captured"
        data = stored_bytes(store)
        assert b"/mine/noarch/table-2024.1-0.conda" in data
        assert TOKEN.encode() not in data
        assert PASSWORD.encode() not in data

    def test_the_collector_itself_takes_it_out(self, collected: Collect, prefix: Path) -> None:
        for channel in (f"https://host/t/{TOKEN}/x", f"https://me:{PASSWORD}@host/x", f"https://host/t/{TOKEN}"):
            edit(prefix, "tool", url=f"{channel}/linux-64/tool.conda", channel=channel)
            data = collected(python_of(prefix)).component.to_bytes()
            assert b"/linux-64/tool.conda" in data
            assert not {word for word in (TOKEN, PASSWORD) if word.encode() in data}
            edit(prefix, "tool", url=None, channel=channel)
            data = collected(python_of(prefix)).component.to_bytes()
            assert not {word for word in (TOKEN, PASSWORD) if word.encode() in data}

    @pytest.mark.parametrize("mark", ["?", "#"])
    def test_a_token_behind_the_file(self, collected: Collect, prefix: Path, mark: str) -> None:
        edit(prefix, "tool", url=f"https://host/x/linux-64/tool.conda{mark}token={TOKEN}", channel="https://host/x")
        data = collected(python_of(prefix)).component.to_bytes()
        assert f"/linux-64/tool.conda{mark}token=".encode() in data
        assert TOKEN.encode() not in data

    def test_nor_a_place(self, collected: Collect, prefix: Path) -> None:
        edit(prefix, "tool", url=f"file:///t/{TOKEN}/linux-64/tool.conda")
        assert TOKEN not in str(collected(python_of(prefix)).place)
