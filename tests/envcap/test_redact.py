# SPDX-License-Identifier: Apache-2.0
"""What never reaches the store, and what must not be taken for it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envcap.redact import is_secret_name, scrub, scrub_argv

# What stands where something was taken out is compared apart: here, whatever its kind.
MARKER = re.compile(r"<scrubbed:[a-z0-9-]+>")
TOKEN = "A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8"


def plain(text: str) -> str:
    """Return a text with asterisks in place of the markers."""
    return MARKER.sub("***", text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://me:hunter2@host/x", "https://***@host/x"),
        ("https://hunter2@host/x", "https://***@host/x"),
        ("see git+ssh://git:hunter2@host:22/x.git for it", "see git+ssh://git:***@host:22/x.git for it"),
        ("postgresql://butler:hunter2@db/registry", "postgresql://butler:***@db/registry"),
        ("HTTPS://ME:HUNTER2@HOST", "HTTPS://***@HOST"),
        ("a=https://u:hunter2@a b=https://u:hunter2@b", "a=https://***@a b=https://***@b"),
        ("https://conda.anaconda.org/t/xy-hunter2-0000/main", "https://conda.anaconda.org/t/***/main"),
        ("https://host/f?X-Amz-Signature=hunter2&n=1", "https://host/f?X-Amz-Signature=***&n=1"),
        ("https://host/f?n=1&access_token=hunter2", "https://host/f?n=1&access_token=***"),
        (f"Authorization: Bearer {TOKEN}", "Authorization: ***"),
        (f"authorization: basic {TOKEN}==", "authorization: ***"),
        (f"ghp_{TOKEN}", "***"),
        (f"x = 'github_pat_{TOKEN}'", "x = '***'"),
        (f"glpat-{TOKEN[:20]}", "***"),
        (f"xoxb-{TOKEN}", "***"),
        ("AKIAIOSFODNN7EXAMPLE", "***"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl", "***"),
        (
            "-----BEGIN RSA PRIVATE KEY-----\nMIIE\nxyz\n-----END RSA PRIVATE KEY-----\nrest",
            "-----BEGIN RSA PRIVATE KEY-----\n***\n-----END RSA PRIVATE KEY-----\nrest",
        ),
        ("-----BEGIN PRIVATE KEY-----\ncut short", "-----BEGIN PRIVATE KEY-----\n***"),
    ],
)
def test_credentials_are_taken_out(text: str, expected: str) -> None:
    assert plain(scrub(text)) == expected


@pytest.mark.parametrize(
    "text",
    [
        "https://host/path?query=1#part",
        "git@github.com:lsst/pipe_base.git",
        "ssh://host/path/user@example.org",
        "mail me@example.org; see https://example.org/@me",
        "the bearer of this letter holds basic configurations",
        "basic reproducibility",
        "def authenticate(token, password=None): return token",
        "sorted(x, key=len)",
        "tokens = text.split(); keys = {'key': 1}",
        "ghp_short",
        "eyJ is how base64 of JSON begins",
        "-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----",
        "/scratch/t/short/x",
        "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "0192f1c2-5a1e-7c8d-9e0f-112233445566",
        "config.isr.doBias = True  # basic",
        "@decorator",
        "",
    ],
)
def test_ordinary_prose_and_code_stay(text: str) -> None:
    assert scrub(text) == text


@pytest.mark.parametrize("text", ["/data/t/calibrations/bias.fits", "open('/home/t/reductions/x.csv')"])
def test_a_directory_called_t_is_no_conda_channel(text: str) -> None:
    assert scrub(text) == text


def test_a_password_with_an_at_sign_goes_whole() -> None:
    assert plain(scrub("https://me:hunter@2x@host/x")) == "https://***@host/x"


@settings(deadline=None, database=None)
@given(st.text(st.sampled_from("abc:/@?&=.token "), max_size=60))
def test_scrubbing_again_changes_nothing(text: str) -> None:
    assert scrub(scrub(text)) == scrub(text)


class TestArgv:
    """Command lines."""

    @pytest.mark.parametrize(
        ("argv", "expected"),
        [
            (["x", "--password", "hunter2", "y"], ["x", "--password", "***", "y"]),
            (["x", "--password=hunter2", "y"], ["x", "--password=***", "y"]),
            (["x", "--api-key", "hunter2"], ["x", "--api-key", "***"]),
            (["x", "--db_passwd=hunter2"], ["x", "--db_passwd=***"]),
            (["x", "-token", "hunter2"], ["x", "-token", "***"]),
            (["x", "--token", "--verbose", "y"], ["x", "--token", "--verbose", "y"]),
            (["x", "--index-url", "https://me:hunter2@pypi/simple"], ["x", "--index-url", "https://***@pypi/simple"]),
            (["x", "--url=https://me:hunter2@db"], ["x", "--url=https://***@db"]),
            (["curl", "-H", f"Authorization: Bearer {TOKEN}"], ["curl", "-H", "Authorization: ***"]),
            (["x", "--secret"], ["x", "--secret"]),
        ],
    )  # fmt: skip
    def test_credentials_are_taken_out(self, argv: list[str], expected: list[str]) -> None:
        assert list(map(plain, scrub_argv(argv))) == expected

    @pytest.mark.parametrize(
        "argv",
        [
            ["reduce", "--night", "2026-11-23", "-o", "u/me/run", "raw.fits"],
            ["python", "-c", "print(1)"],
            ["pipetask", "run", "-d", "visit = 1 AND detector IN (1..3)"],
            ["token", "x"],
        ],
    )
    def test_the_rest_stays(self, argv: list[str]) -> None:
        assert scrub_argv(argv) == argv

    @pytest.mark.parametrize(
        "argv",
        [
            ["reduce", "--bandpass", "i"],
            ["reduce", "--passband=r"],
            ["reduce", "--passes", "3"],
            ["reduce", "--author", "me"],
            ["train", "--tokenizer", "bert"],
        ],
    )
    def test_a_bandpass_is_no_password(self, argv: list[str]) -> None:
        assert scrub_argv(argv) == argv

    @pytest.mark.parametrize("word", ["DB_PASSWORD=hunter2", "API_TOKEN=hunter2"])
    def test_an_assignment_to_a_secret_name_is_taken_out(self, word: str) -> None:
        assert "hunter2" not in " ".join(scrub_argv(["env", word, "python", "x.py"]))

    def test_a_value_that_begins_with_a_hyphen_is_taken_out(self) -> None:
        assert "-hunter2" not in scrub_argv(["x", "--password", "-hunter2"])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("AWS_SECRET_ACCESS_KEY", True),
        ("GITHUB_TOKEN", True),
        ("PGPASSWORD", True),
        ("NETRC_PASSPHRASE", True),
        ("HTTP_COOKIE", True),
        ("api-key", True),
        ("client_secret", True),
        ("--clientSecret", True),
        ("OMP_NUM_THREADS", False),
        ("PYTHONPATH", False),
        ("LANG", False),
    ],
)
def test_names_tell_secrets(name: str, expected: bool) -> None:
    assert is_secret_name(name) is expected


@pytest.mark.parametrize("name", ["--secretkey", "--secretAccessKey", "--authorization"])
def test_names_tell_secrets_without_a_hyphen(name: str) -> None:
    assert is_secret_name(name)
