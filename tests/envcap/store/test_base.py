# SPDX-License-Identifier: Apache-2.0
"""What holds for every store: how a digest is spelt, and which store a command uses."""

from __future__ import annotations

import os

import pytest

from envcap.errors import FormatError
from envcap.store.base import split_digest
from envcap.store.place import default_store

HEX = "0123456789abcdef" * 4


def test_a_digest_gives_its_hex_digits() -> None:
    assert split_digest(f"sha256:{HEX}") == HEX


@pytest.mark.parametrize(
    "digest",
    [
        "",
        HEX,
        f"md5:{HEX}",
        f"SHA256:{HEX}",
        f"sha256:{HEX.upper()}",
        f"sha256:{HEX[:-1]}",
        f"sha256:{HEX}0",
        f"sha256:{HEX[:-1]}g",
        f"sha256:{HEX[:-1]}\n",
        f"sha256:{HEX[:-1]}\u0661",
        "sha256:../../../../../../../etc/passwd",
        f"sha256:{'../' * 21}.",
        f"sha256:{'/' * 64}",
    ],
)
def test_nothing_else_becomes_a_path(digest: str) -> None:
    with pytest.raises(FormatError, match="is no digest"):
        split_digest(digest)


def test_the_store_is_the_named_one_else_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.delenv("ENVCAP_STORE", raising=False)
    assert default_store() == "/home/me/.local/share/envcap"
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    assert default_store() == "/data/envcap"
    monkeypatch.setenv("ENVCAP_STORE", "here")
    assert default_store() == "here"
    monkeypatch.setenv("ENVCAP_STORE", "")
    assert default_store() == os.path.join("/data", "envcap")
