# SPDX-License-Identifier: Apache-2.0
"""`envcap hook bps --apply`: what BPS itself then reads from the file, what stays as it was, and what is refused."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from envcap.errors import EnvcapError, HookError, UsageError
from envcap.hooks.printed.bps import BpsHook
from envcap.hooks.printed.yaml_text import YamlText

PREFIX = "/usr/bin/env ENVCAP_BPS_JOB={jobName} {envcapRun} "


@pytest.fixture
def night(tmp_path: Path) -> Path:
    """Give a submit file that says little."""
    path = tmp_path / "night.yaml"
    path.write_text("# mine\npayload:\n  payloadName: night   # as ever\n")
    return path


def read(path: Path) -> Any:
    """Return what BPS reads from a submit file."""
    from lsst.ctrl.bps import BPS_DEFAULTS, BPS_SEARCH_ORDER, BpsConfig

    service = "lsst.ctrl.bps.parsl.ParslService"
    return BpsConfig(str(path), search_order=BPS_SEARCH_ORDER, defaults=BPS_DEFAULTS, wms_service_class_fqn=service)


def command(path: Path, label: str | None = None, **section: str) -> str:
    """Return the command by which BPS runs a job, before it fills in its variables."""
    current = {f"curr_{name}": value for name, value in {"pipetask": label, **section}.items() if value}
    found, text = read(path).search(
        "runQuantumCommand", opt={"curvals": current, "replaceVars": False, "expandEnvVars": False}
    )
    assert found
    return str(text)


def apply(path: Path, store: str | None = None) -> list[str]:
    """Add the hook."""
    return BpsHook().apply(str(path), store)


def test_what_is_printed_is_what_is_applied(night: Path, tmp_path: Path) -> None:
    apply(night)
    assert (tmp_path / "night.envcap.yaml").read_text() == BpsHook().text(None)


def test_bps_finds_both_wrappers_the_graph_and_the_ingest(night: Path) -> None:
    from lsst.ctrl.bps import BPS_DEFAULTS

    apply(night)
    for text, default in (
        (command(night, "isr"), BPS_DEFAULTS["runQuantumCommand"]),
        (command(night, "pipetaskInit"), BPS_DEFAULTS["pipetask"]["pipetaskInit"]["runQuantumCommand"]),
    ):
        assert text == PREFIX + default.replace("${CTRL_MPEXEC_DIR}/bin/", "")
    config = read(night)
    assert config["payloadName"] == "night"
    assert config.search(".finalJob.command2", opt={"replaceVars": False})[1] == "envcap ingest || true"
    assert config.search("extraAggregateOptions", opt={"replaceVars": False})[1].startswith("-o {submitPath}/")
    assert list(config["placeholderParams"]) == ["jobName", "qgraphNodeId", "qgraphId"]


def test_the_file_stays_as_it_is_but_for_one_line_and_a_second_time_changes_nothing(
    night: Path, tmp_path: Path
) -> None:
    night.chmod(0o640)
    assert len(apply(night)) == 2
    text = night.read_text()
    assert text == "# mine\nincludeConfigs: night.envcap.yaml\npayload:\n  payloadName: night   # as ever\n"
    assert stat.S_IMODE(night.stat().st_mode) == 0o640
    before = {path: path.stat().st_ino for path in tmp_path.iterdir()}
    assert apply(night) == [f"{night}: nothing to add"]
    assert {path: path.stat().st_ino for path in tmp_path.iterdir()} == before


def test_a_link_stays_one_and_the_configuration_is_where_bps_looks(night: Path, tmp_path: Path) -> None:
    (tmp_path / "tonight").mkdir()
    link = tmp_path / "tonight" / "link.yaml"
    link.symlink_to(night)
    apply(link)
    assert link.is_symlink()
    assert (tmp_path / "tonight" / "link.envcap.yaml").exists()
    assert command(link, "isr").startswith(PREFIX)


@pytest.mark.parametrize(
    ("written", "begins"),
    [
        ("runQuantumCommand: mine {qgraphNodeId}  # ours", "mine {qgraphNodeId}"),
        ("runQuantumCommand: 'mine {qgraphNodeId}'", "mine {qgraphNodeId}"),
        ('runQuantumCommand: "mine \\u007bqgraphNodeId}"', "mine {qgraphNodeId}"),
        ("runQuantumCommand: >-\n\n  mine\n  {qgraphNodeId}", "\nmine {qgraphNodeId}"),
        ("runQuantumCommand: |\n    mine {qgraphNodeId}\n", "mine {qgraphNodeId}\n"),
        ("runQuantumCommand: ${DIR}/mine {qgraphNodeId}", "${DIR}/mine {qgraphNodeId}"),
    ],
)
def test_a_command_of_the_users_own_is_wrapped_where_it_stands(night: Path, written: str, begins: str) -> None:
    night.write_text(f"site: {{}}\n{written}\nproject: p\n")
    apply(night)
    after = yaml.safe_load(night.read_text())
    assert after["runQuantumCommand"].replace(PREFIX, "") == begins
    assert after["runQuantumCommand"].strip().startswith(PREFIX.strip())
    assert after["project"] == "p"
    assert command(night, "isr") == after["runQuantumCommand"]
    assert "# ours" not in written or "# ours" in night.read_text()
    apply(night)
    assert yaml.safe_load(night.read_text()) == after


def test_commands_of_sections_and_of_included_files_are_wrapped_too(night: Path, tmp_path: Path) -> None:
    (tmp_path / "site.yaml").write_text(
        "pipetask: {isr: {runQuantumCommand: 'isr-wrapper pipetask'}, coadd: {requestMemory: 4096}}\n"
        "extraAggregateOptions: --zstd-level 3\nfinalJob: {command2: echo done}\n"
    )
    (tmp_path / "clusters.yaml").write_text("includeConfigs: site.yaml\ncluster:\n  all: {runQuantumCommand: all it}\n")
    night.write_text("includeConfigs:\n- clusters.yaml   # theirs\npayload: {payloadName: night}\n")
    apply(night)
    assert "- clusters.yaml   # theirs\n- night.envcap.yaml\n" in night.read_text()
    assert command(night, "isr") == f"{PREFIX}isr-wrapper pipetask"
    assert command(night, cluster="all") == f"{PREFIX}all it"
    assert command(night, "coadd").startswith(f"{PREFIX}pipetask ")
    config = read(night)
    assert config[".pipetask.coadd.requestMemory"] == 4096
    assert config[".finalJob.command2"] == "echo done"
    assert config[".finalJob.command3"] == "envcap ingest || true"
    options = config.search("extraAggregateOptions", opt={"replaceVars": False})[1]
    assert options == "-o {submitPath}/{uniqProcName}_provenance.qg --zstd-level 3"


def test_what_is_there_already_stays(night: Path) -> None:
    night.write_text(
        "runQuantumCommand: envcap run -- pipetask mine\nextraAggregateOptions: --output mine.qg\n"
        "finalJob: {command2: envcap ingest}\nplaceholderParams: [jobName]\n"
    )
    before = yaml.safe_load(night.read_text())
    apply(night)
    after = yaml.safe_load(night.read_text())
    assert after.pop("includeConfigs") == "night.envcap.yaml"
    assert after == before
    assert ".finalJob.command3" not in read(night)


@pytest.mark.parametrize("names", ["[qgraphNodeId, 'qgraphId']", "\n  - qgraphNodeId\n  - qgraphId"])
def test_the_users_list_of_what_panda_fills_in_gets_the_jobs_name(night: Path, names: str) -> None:
    night.write_text(f"placeholderParams: {names}\n")
    apply(night)
    assert list(read(night)["placeholderParams"]) == ["jobName", "qgraphNodeId", "qgraphId"]


def test_what_there_will_not_be_is_said(night: Path) -> None:
    night.write_text("finalJob: {whenRun: NEVER}\n")
    assert any("finalJob.whenRun is NEVER" in line for line in apply(night))
    night.write_text("finalJob: {command1: butler mine}\n")
    assert any("no provenance graph" in line for line in apply(night))


@pytest.mark.parametrize("store", ["/shared/envcap", "https://store.example.org/night"])
def test_the_store_stands_in_the_commands(night: Path, store: str) -> None:
    apply(night, store)
    config = read(night)
    assert config.search("envcapRun", opt={"replaceVars": False})[1].endswith(f"envcap run --store {store} --")
    assert config[".finalJob.command2"] == f"envcap ingest --store {store} || true"


@pytest.mark.parametrize(
    ("text", "error", "told"),
    [
        ("runQuantumCommand: cd /tmp && pipetask run\n", HookError, "more than one command"),
        ("runQuantumCommand: A=1 pipetask run\n", HookError, "more than one command"),
        ("runQuantumCommand: |\n  a\n  b\n", HookError, "more than one command"),
        ("pipetask: {isr: {runQuantumCommand: }}\n", HookError, "pipetask.isr.runQuantumCommand: expected a command"),
        ("{runQuantumCommand: pipetask mine}\n", HookError, "can't be edited safely"),
        ("a: &c {runQuantumCommand: 'x'}\nb: *c\n", HookError, "can't be edited safely"),
        ("includeConfigs: none.yaml\n", HookError, "none.yaml: no such file"),
        ("includeConfigs: ${NO_SUCH_DIR}/a.yaml\n", HookError, "a variable of it is not set"),
        ("includeConfigs: s3://bucket/a.yaml\n", HookError, "only files"),
        ("includeConfigs: night.yaml\n", HookError, "without an end"),
        ("placeholderParams: qgraphNodeId\n", HookError, "expected a list"),
        ("a: [\n", HookError, "can't be read as YAML"),
        ("- a\n", HookError, "expected a mapping"),
        ("a: !include b.yaml\n", HookError, "can't be read as YAML"),
    ],
)
def test_what_cannot_be_done_safely_is_refused_and_nothing_is_written(
    night: Path, tmp_path: Path, text: str, error: type[EnvcapError], told: str
) -> None:
    night.write_text(text)
    with pytest.raises(error, match=told):
        apply(night)
    assert night.read_text() == text
    assert [path.name for path in tmp_path.iterdir()] == ["night.yaml"]


def test_a_file_in_the_way_is_not_overwritten(night: Path, tmp_path: Path) -> None:
    (tmp_path / "night.envcap.yaml").write_text("mine: 1\n")
    before = night.read_text()
    with pytest.raises(HookError, match="in the way"):
        apply(night)
    assert night.read_text() == before
    assert (tmp_path / "night.envcap.yaml").read_text() == "mine: 1\n"


def test_a_store_that_no_command_can_name(night: Path) -> None:
    with pytest.raises(UsageError, match="can't hold such a name"):
        apply(night, "/a b")


_TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1, max_size=12)
_DATA = st.recursive(
    st.none() | st.booleans() | st.integers() | _TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None)
@given(
    data=st.dictionaries(_TEXTS, _DATA, max_size=4),
    words=st.lists(st.sampled_from(["pipetask", "{qgraphNodeId}", "-x", "'é ü'", "a: b"]), min_size=1, max_size=30),
    style=st.sampled_from([None, "'", '"', "|", ">"]),
    flow=st.sampled_from([None, True, False]),
    includes=st.none() | _TEXTS | st.lists(_TEXTS, max_size=3),
)
def test_any_yaml_is_edited_as_meant_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: Any, words: list[str], style: str, flow: bool, includes: Any
) -> None:
    path = tmp_path_factory.mktemp("any") / "any.yaml"
    data["runQuantumCommand"] = " ".join(words)
    if includes is not None:
        data["includeConfigs"] = includes
    path.write_text(yaml.safe_dump(data, default_style=style, default_flow_style=flow, allow_unicode=True))
    submit = YamlText(str(path))
    submit.put_before(("runQuantumCommand",), PREFIX)
    submit.put_last("includeConfigs", "any.envcap.yaml")
    try:
        after = yaml.safe_load(submit.edited())
    except HookError:
        return
    assert after.pop("runQuantumCommand") == PREFIX + data.pop("runQuantumCommand")
    names = after.pop("includeConfigs")
    before = data.pop("includeConfigs", None) or []
    assert (names if isinstance(names, list) else [names]) == [
        *(before if isinstance(before, list) else [before]), "any.envcap.yaml",
    ]  # fmt: skip
    assert after == data
