# SPDX-License-Identifier: Apache-2.0
"""The products that EUPS has set up, from a stack as EUPS writes it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from envcap.collectors.base import Absent, Collected, Keep, collect
from envcap.collectors.eups import EupsCollector
from envcap.describe import summary
from envcap.digest import digest_of
from envcap.environment import capture_environment
from envcap.errors import CollectorError
from envcap.model.components import Eups, EupsProduct
from envcap.model.manifest import Outcome
from envcap.store.local import LocalStore
from envcap.target import Target
from tests.eups_stack import FLAVOR, EupsStack


@pytest.fixture
def stack(tmp_path: Path) -> EupsStack:
    """Give a stack with a few products, of which none is set up."""
    made = EupsStack(tmp_path / "the stack")
    made.declare("base", "1.0", "current", "w_2026_10")
    made.declare("afw", "2.1+3", "current")
    made.declare("afw", "2.2")
    made.declare("pipe", "g12ab", "current", table="$PROD_DIR/ups/pipe.table")
    return made


@pytest.fixture
def found(keep: Keep) -> Callable[[EupsStack], Collected]:
    """Give a function that collects what is set up."""
    return lambda stack: EupsCollector().collect(Target.none(stack.environ), keep)


def products(found: Collected) -> list[EupsProduct]:
    """Return the products of a component."""
    assert isinstance(found.component, Eups)
    return list(found.component.products)


def outcome(stack: EupsStack, keep: Keep) -> Outcome:
    """Return how the collector ends."""
    return collect(EupsCollector(), Target.none(stack.environ), keep)[1]


def set_up_all(stack: EupsStack) -> EupsStack:
    """Set a version of each product up."""
    for name, version in (("base", "1.0"), ("afw", "2.1+3"), ("pipe", "g12ab")):
        stack.setup(name, version)
    return stack


def test_products_are_in_the_order_in_which_they_were_set_up(
    stack: EupsStack, found: Callable[[EupsStack], Collected]
) -> None:
    collected = found(set_up_all(stack))
    made = products(collected)
    assert [(one.name, one.version, one.flavor) for one in made] == [
        ("base", "1.0", FLAVOR),
        ("afw", "2.1+3", FLAVOR),
        ("pipe", "g12ab", FLAVOR),
    ]
    # Tags are moved: they are a fact about the place.
    places = collected.place["products"]
    assert isinstance(places, list)
    assert [place["tags"] for place in places] == [["current", "w_2026_10"], ["current"], ["current"]]
    for one in made:
        folder = stack.root / FLAVOR / one.name / str(one.version)
        assert one.table == digest_of((folder / "ups" / f"{one.name}.table").read_bytes())
        assert one.local is None


def test_one_that_is_in_no_search_path_comes_first(stack: EupsStack, found: Callable[[EupsStack], Collected]) -> None:
    set_up_all(stack)
    folder = str(stack.root / FLAVOR / "pipe")
    for name in ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH"):
        stack.environ[name] = ":".join(p for p in stack.environ[name].split(":") if not p.startswith(folder))
    assert [one.name for one in products(found(stack))] == ["pipe", "base", "afw"]


def test_where_search_paths_contradict_the_first_decides(
    stack: EupsStack, found: Callable[[EupsStack], Collected]
) -> None:
    set_up_all(stack)
    stack.environ["PYTHONPATH"] = ":".join(reversed(stack.environ["PYTHONPATH"].split(":")))
    assert [one.name for one in products(found(stack))] == ["base", "afw", "pipe"]


def test_places_are_no_identity(found: Callable[[EupsStack], Collected], tmp_path: Path) -> None:
    def made(root: str) -> Collected:
        stack = EupsStack(tmp_path / root)
        stack.declare("base", "1.0", "current")
        stack.setup("base", "1.0")
        return found(stack)

    one, other = made("one"), made("other place")
    assert one.component == other.component
    assert str(tmp_path) not in one.component.to_bytes().decode()
    folder = str(tmp_path / "one" / FLAVOR / "base/1.0")
    assert one.place["products"] == [
        {"name": "base", "folder": folder, "stack": str(tmp_path / "one"), "tags": ["current"]}
    ]
    assert other.place["products"] != one.place["products"]


def test_what_it_made_of_the_environment_is_kept_as_a_place(
    stack: EupsStack, found: Callable[[EupsStack], Collected]
) -> None:
    set_up_all(stack)
    folder = stack.root / FLAVOR / "pipe/g12ab"
    others = {"PIPE_DATA": f"{folder}/data", "HOME": "/home/me", "PWD": str(folder), "PIPE_TOKEN": f"{folder}/x"}
    stack.environ |= others
    place = found(stack).place
    variables, paths = place["variables"], place["paths"]
    assert isinstance(variables, dict)
    assert isinstance(paths, dict)
    kept = {name: value for name, value in stack.environ.items() if name not in ("PATH", "HOME", "PWD", "PIPE_TOKEN")}
    assert variables == kept
    assert paths == {"PATH": stack.environ["PATH"].removesuffix(":/usr/bin:/bin").split(":")}


def test_credentials_are_scrubbed(stack: EupsStack, found: Callable[[EupsStack], Collected]) -> None:
    secret = "ghp_" + "Zx8" * 12
    stack.declare("base", secret)
    stack.setup("base", secret)
    made = found(stack)
    assert secret not in str(made.component.data) + str(made.place)


class TestLocal:
    """A product that is set up from a directory."""

    @pytest.fixture
    def work_tree(self, repository: Callable[..., Path]) -> Path:
        """Give a product's git work tree."""
        return repository({"ups/afw.table": "envPrepend(PATH, ${PRODUCT_DIR}/bin)\n"}, name="my afw")

    @pytest.mark.usefixtures("no_git_settings")
    def test_is_its_commit_and_whether_it_differs(
        self,
        stack: EupsStack,
        found: Callable[[EupsStack], Collected],
        work_tree: Path,
        run_quietly: Callable[..., str],
    ) -> None:
        stack.setup_local(work_tree, "afw")
        head = run_quietly("git", "-C", work_tree, "rev-parse", "HEAD").strip()
        (clean,) = products(found(stack))
        assert (clean.version, clean.local, clean.commit, clean.dirty) == (None, True, head, False)
        assert clean.table == digest_of((work_tree / "ups/afw.table").read_bytes())
        assert str(work_tree) not in str(clean.data)
        (work_tree / "new.py").touch()
        assert products(found(stack))[0].dirty is True

    def test_outside_git_has_no_commit(
        self, stack: EupsStack, found: Callable[[EupsStack], Collected], tmp_path: Path
    ) -> None:
        folder = tmp_path / "loose"
        stack.install(folder, "afw")
        stack.setup_local(folder, "afw")
        (one,) = products(found(stack))
        assert (one.local, one.commit, one.dirty) == (True, None, None)
        (folder / "ups/afw.table").unlink()
        assert products(found(stack))[0].table is None

    def test_is_looked_at_each_time(self, stack: EupsStack, tmp_path: Path) -> None:
        set_up_all(stack)
        assert EupsCollector().looked_at(Target.none(stack.environ)) is not None
        stack.setup_local(tmp_path, "afw")
        assert EupsCollector().looked_at(Target.none(stack.environ)) is None

    def test_eups_itself_is_none(self, stack: EupsStack, found: Callable[[EupsStack], Collected]) -> None:
        stack.environ |= {"SETUP_EUPS": "eups LOCAL:/opt/eups -f (none) -Z (none)", "EUPS_DIR": "/opt/eups"}
        stack.environ["PATH"] += ":/opt/eups/bin"
        with pytest.raises(Absent):
            found(stack)
        stack.setup("base", "1.0")
        made = found(stack)
        assert [one.name for one in products(made)] == ["base"]
        assert made.place["paths"] == {"PATH": [str(stack.root / FLAVOR / "base/1.0/bin"), "/opt/eups/bin"]}


class TestAbsent:
    """Nothing is set up."""

    @pytest.mark.parametrize("environ", [{}, {"EUPS_PATH": "/stack"}, {"SETUP_VERBOSE": "1"}])
    def test_without_products(self, environ: dict[str, str], keep: Keep) -> None:
        _, ended = collect(EupsCollector(), Target.none(environ), keep)
        assert (ended.status, ended.reason) == ("absent", "EUPS has set up no product")
        assert EupsCollector().looked_at(Target.none(environ)) is None


class TestFailed:
    """It can't be told."""

    @pytest.mark.parametrize(
        "value", ["", "afw", "afw 2.1", "other 2.1 -f Linux64", "afw 2.1 -f", "afw 2.1 -f Linux64 -x y", "afw 1 2 -f L"]
    )
    def test_a_variable_that_is_not_as_eups_writes_it(self, value: str, stack: EupsStack, keep: Keep) -> None:
        stack.environ["SETUP_AFW"] = value
        ended = outcome(stack, keep)
        assert ended.status == "failed"
        assert "SETUP_AFW" in str(ended.reason)

    @pytest.mark.parametrize(
        ("gone", "told"),
        [
            ("ups_db/afw/2.1+3.version", "ups_db/afw/2.1+3.version: No such file"),
            ("ups_db/afw", "ups_db/afw"),
            (f"{FLAVOR}/afw/2.1+3/ups/afw.table", "ups/afw.table: No such file"),
        ],
    )
    def test_a_file_is_gone(self, gone: str, told: str, stack: EupsStack, keep: Keep) -> None:
        set_up_all(stack)
        path = stack.root / gone
        shutil.rmtree(path) if path.is_dir() else path.unlink()
        ended = outcome(stack, keep)
        assert ended.status == "failed"
        assert told in str(ended.reason)

    @pytest.mark.parametrize(
        ("text", "told"),
        [
            (b"FLAVOR = Darwin\nPROD_DIR = x\n", f"it declares nothing for {FLAVOR}"),
            (b"nonsense\n", "'nonsense' is no field"),
            (b"\xff\xfe", "can't decode"),
        ],
    )
    def test_a_version_file_that_says_something_else(
        self, text: bytes, told: str, stack: EupsStack, keep: Keep
    ) -> None:
        set_up_all(stack)
        (stack.root / "ups_db/afw/2.1+3.version").write_bytes(text)
        ended = outcome(stack, keep)
        assert ended.status == "failed"
        assert told in str(ended.reason)

    def test_a_pipe_for_a_version_file(self, stack: EupsStack, keep: Keep) -> None:
        set_up_all(stack)
        path = stack.root / "ups_db/afw/2.1+3.version"
        path.unlink()
        os.mkfifo(path)
        assert "no regular file" in str(outcome(stack, keep).reason)


def test_without_its_stack_a_product_is_what_the_variables_say(
    stack: EupsStack, found: Callable[[EupsStack], Collected]
) -> None:
    stack.setup("afw", "2.2")
    shutil.rmtree(stack.root / "ups_db")
    (one,) = products(found(stack))
    assert (one.version, one.table is None) == ("2.2", False)


class TestTableFile:
    """Where EUPS looks for it (``Product.resolvePaths``)."""

    @pytest.mark.parametrize(
        ("table", "ups"),
        [
            ("afw.table", "ups"),
            ("$UPS_DIR/afw.table", "ups"),
            ("$PROD_ROOT/$FLAVOR/afw/2.2/ups/afw.table", "ups"),
            ("$UPS_DB/../Linux64/afw/2.2/ups/afw.table", "ups"),
            ("Linux64/afw/2.2/ups/afw.table", "ups"),
            ("ups/afw.table", "none"),
            ("afw.table", "$PROD_DIR/ups"),
        ],
    )
    def test_is_found(self, table: str, ups: str, stack: EupsStack, found: Callable[[EupsStack], Collected]) -> None:
        stack.setup("afw", "2.2")
        path = stack.root / "ups_db/afw/2.2.version"
        text = path.read_text().replace("TABLE_FILE = afw.table", f"TABLE_FILE = {table}")
        path.write_text(text.replace("UPS_DIR = ups", f"UPS_DIR = {ups}"))
        (one,) = products(found(stack))
        assert one.table == digest_of((stack.root / FLAVOR / "afw/2.2/ups/afw.table").read_bytes())

    def test_may_be_none(self, stack: EupsStack, found: Callable[[EupsStack], Collected]) -> None:
        stack.setup("afw", "2.2")
        path = stack.root / "ups_db/afw/2.2.version"
        path.write_text(path.read_text().replace("TABLE_FILE = afw.table", "TABLE_FILE = none"))
        assert products(found(stack))[0].table is None

    def test_may_be_named(self, stack: EupsStack, found: Callable[[EupsStack], Collected], tmp_path: Path) -> None:
        stack.setup("afw", "2.2")
        other = tmp_path / "other one.table"
        other.write_text("# other\n")
        stack.environ["SETUP_AFW"] += f" -m {str(other).replace(' ', '-+-')}"
        made = found(stack)
        assert products(made)[0].table == digest_of(other.read_bytes())
        assert made.place["products"][0]["table"] == str(other)  # type: ignore[index]


class TestTamper:
    """Whatever of it changes makes another component."""

    @pytest.mark.parametrize("change", ["table", "version", "order"])
    def test_a_change_is_another_component(
        self, change: str, stack: EupsStack, found: Callable[[EupsStack], Collected]
    ) -> None:
        before = found(set_up_all(stack)).component
        assert found(stack).component == before
        if change == "table":
            with (stack.root / FLAVOR / "afw/2.1+3/ups/afw.table").open("a") as stream:
                stream.write("# changed\n")
        elif change == "version":
            stack.setup("afw", "2.2")
        else:
            stack.setup("base", "1.0")
        assert found(stack).component != before


def test_a_tag_that_is_moved_changes_no_identity(stack: EupsStack, found: Callable[[EupsStack], Collected]) -> None:
    before = found(set_up_all(stack))
    stack.tag("afw", "2.2", "current")
    after = found(stack)
    assert after.component == before.component
    assert after.place != before.place


def test_nothing_is_read_again_until_something_changes(
    stack: EupsStack, store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = []

    class Counting(EupsCollector):
        def collect(self, target: Target, keep: Keep) -> Collected:
            reads.append(1)
            return super().collect(target, keep)

    def capture() -> str:
        return capture_environment(Target.none(stack.environ), store, [Counting]).software["eups"].digest

    monkeypatch.setattr("envcap.fingerprint._RACY_NS", 0)
    set_up_all(stack)
    first = capture()
    assert (capture(), len(reads)) == (first, 1)
    table = stack.root / FLAVOR / "afw/2.1+3/ups/afw.table"
    state = table.stat()
    table.write_text(table.read_text().replace("2.1+3", "2.1+4"))
    os.utime(table, ns=(state.st_atime_ns, state.st_mtime_ns))
    second = capture()
    assert (second != first, len(reads)) == (True, 2)
    stack.setup("base", "1.0")  # the same files, in another order
    assert capture() != second
    assert len(reads) == 3


def test_a_summary_names_what_is_set_up_from_directories(
    stack: EupsStack, found: Callable[[EupsStack], Collected], tmp_path: Path
) -> None:
    set_up_all(stack)
    stack.setup_local(tmp_path, "afw")
    assert summary("eups", found(stack).component.data) == "3 products; from directories: afw"


def test_an_unreadable_database_says_which(stack: EupsStack, keep: Keep) -> None:
    stack.setup("afw", "9.9")
    with pytest.raises(CollectorError, match=r"afw/9\.9\.version"):
        EupsCollector().collect(Target.none(stack.environ), keep)
