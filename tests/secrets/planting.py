# SPDX-License-Identifier: Apache-2.0
"""Plants canaries where capture looks: in files, names of files, repositories, environments."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import yaml

from tests.secrets.canaries import CANARIES, Canary

__all__ = ("NAMEABLE", "bare", "conda_packages", "config_files", "distributions", "everything",
           "loose_files", "repositories")  # fmt: skip

_LONGEST_NAME = 120


def everything(between: str = "\n\n") -> str:
    """Return one text with all canaries."""
    return between.join(canary.text for canary in CANARIES)


def bare() -> Iterator[Canary]:
    """Yield the canaries whose secret is one line, as they stand where a name alone tells that they are secrets."""
    return (canary for canary in CANARIES if "\n" not in canary.secret)


NAMEABLE = {
    canary.name: canary.text
    for canary in CANARIES
    if len(canary.text) < _LONGEST_NAME and re.fullmatch(r"\w[\w.,=+~@%-]*", canary.text, re.ASCII)
}
"""Texts that somebody could name a file or a directory by, by canary."""


def config_files(folder: Path) -> list[Path]:
    """Write files of all usual forms; each has every text as a value, and every secret under a name that tells."""
    folder.mkdir()
    notes = {f"note_{number}": canary.text for number, canary in enumerate(CANARIES)}
    passwords = {f"site_{number}_password": canary.secret for number, canary in enumerate(bare())}
    texts = {
        "settings.ini": _lines(notes, "{} = {}\n", "\n  ") + "[db]\n" + _lines(passwords, "{} = {}\n", ""),
        "settings.yaml": yaml.safe_dump({"notes": notes, "db": passwords}, width=10000),
        "block.yaml": _lines(notes, "{}: |\n  {}\n", "\n  "),
        "settings.json": json.dumps({"notes": notes, "db": passwords}, indent=1),
        "compact.json": json.dumps({**notes, **passwords}, separators=(",", ":")),
        "settings.toml": _lines(notes, "{} = '''\n{}'''\n", "\n") + _quoted(passwords, "{} = {}\n"),
        "settings.env": _lines(passwords, "{}={}\n", "") + "\n".join(notes.values()),
        "settings.sh": _lines(passwords, "export {}='{}'\n", "") + "\n\n".join(notes.values()),
        "settings.py": _quoted({**notes, **passwords}, "{} = {}\n"),
        "settings.xml": _lines(passwords, "<{0}>{1}</{0}>\n", "") + "\n".join(notes.values()),
    }
    for name, text in texts.items():
        (folder / name).write_text(text)
    return [folder / name for name in texts]


def _lines(values: Mapping[str, str], form: str, between: str) -> str:
    return "".join(form.format(name, between.join(value.rstrip("\n").splitlines())) for name, value in values.items())


def _quoted(values: Mapping[str, str], form: str) -> str:
    return "".join(form.format(name, json.dumps(value, ensure_ascii=False)) for name, value in values.items())


def repositories(folder: Path) -> list[Path]:
    """Make a git repository for each canary; each has it in its remote's URL, its patch, its new files, its name."""
    template = folder / "template"
    template.mkdir(parents=True)
    _git(template, "init", "-q", "-b", "main", ".")
    shutil.rmtree(template / ".git" / "hooks")
    for name in ("code.py", "site.yaml", "job.sh"):
        (template / name).write_text("# one\n")
    _git(template, "add", "-A")
    _git(template, "commit", "-q", "-m", "one")
    (template / ".env").touch()
    _git(template, "add", "-A")
    made = []
    for number, canary in enumerate(CANARIES):
        top = folder / f"{number}-{NAMEABLE.get(canary.name, 'plain')}"
        shutil.copytree(template, top)
        for name in ("code.py", "site.yaml", "job.sh", ".env", "new.py", "table.csv", "notes.txt"):
            with (top / name).open("a") as stream:
                stream.write(_written(canary, name))
        (top / f"{NAMEABLE.get(canary.name, 'plain')}.py").write_text("two = 2\n")
        with (top / ".git" / "config").open("a") as stream:
            stream.write(f'[remote "origin"]\n\turl = {json.dumps(canary.text, ensure_ascii=False)}\n')
        made.append(top)
    shutil.rmtree(template)
    return made


LIKE_NAMES = frozenset({"ovh_consumer_key", "jdbc_oracle", "ini_passwd", "mysql_long"})
"""Canaries of (nearly) nothing but letters that stand without quotes: in code, nothing tells them from a name."""


def _written(canary: Canary, name: str) -> str:
    """Return a canary as it could stand in a file: in Python as a literal and in a docstring, else as it is."""
    text = canary.text
    if name.endswith(".py") and canary.name in LIKE_NAMES:
        return f"password = {canary.secret!r}\n"
    if name.endswith(".py"):
        return f'note = {text!r}\n\n\ndef noted():\n    r"""Take note.\n\n{text}\n"""\n'
    return text + "\n"


def _git(folder: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=A", "-c", "user.email=a@example.org")
    nobodys = {"PATH": os.environ["PATH"], "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    subprocess.run(["git", "-C", folder, *identity, *arguments], check=True, stdin=subprocess.DEVNULL, env=nobodys)


def loose_files(folder: Path, *endings: str) -> None:
    """Write files outside git for each canary: of each ending, one that holds it; and one that has it in its name."""
    folder.mkdir()
    for number, canary in enumerate(CANARIES):
        for ending in endings:
            (folder / f"note_{number}{ending}").write_text(_written(canary, ending))
        (folder / f"{NAMEABLE.get(canary.name, 'plain')}{endings[0]}").write_text("two = 2\n")


def distributions(site_packages: Path) -> None:
    """Add a distribution for each canary, with it in all its metadata."""
    for number, canary in enumerate(CANARIES):
        info = site_packages / f"sky_{number}-1.0.dist-info"
        info.mkdir()
        origin = {"url": canary.text, "vcs_info": {"vcs": "git", "commit_id": canary.text}, "subdirectory": canary.text}
        (info / "direct_url.json").write_text(json.dumps(origin))
        (info / "RECORD").write_text(f"{NAMEABLE.get(canary.name, 'plain')}.py,sha256={'A' * 43},3\n")
        for name in ("METADATA", "INSTALLER", "REQUESTED", "WHEEL", "entry_points.txt", "uv_cache.json"):
            (info / name).write_text(f"Name: sky-{number}\nVersion: 1.0\n{canary.text}\n")


def conda_packages(prefix: Path) -> None:
    """Make a prefix one that conda made, with a package for each canary, its secret in the channel's URL."""
    meta = prefix / "conda-meta"
    meta.mkdir()
    for number, canary in enumerate(CANARIES):
        token = canary.secret if canary.secret.replace("-", "").replace("_", "").isalnum() else f"ab-{number}"
        forms = (f"https://conda.sky.org/t/{token}/main", f"https://ci:{token}@conda.sky.org/main", canary.text)
        for form, channel in enumerate(forms):
            name = f"sky-{number}-{form}"
            url = f"{channel}/noarch/{name}-1.0-0.conda"
            package = {"name": name, "version": "1.0", "build": "0", "build_number": 0, "subdir": "noarch", "url": url}
            others = {"channel": channel, "requested_spec": f"{channel}::{name}", "link": {"source": canary.text}}
            (meta / f"{name}-1.0-0.json").write_text(json.dumps({**package, **others, "files": [canary.text]}))
    (meta / "history").write_text(f"==> 2026-11-23 06:00:00 <==\n# cmd: conda install {everything(' ')}\n")
