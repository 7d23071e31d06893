# SPDX-License-Identifier: Apache-2.0
"""Every job waits for `envcap run`'s own reading of its command line: it must read what argparse reads."""

from __future__ import annotations

import contextlib
import io

from hypothesis import example, given, settings
from hypothesis import strategies as st

from envcap.cli import run
from envcap.cli.dispatch import make_parser

WORDS = st.sampled_from(
    ["--store", "--store=s", "--job-id", "--job-id=", "--config", "--config=a=b", "--input", "--output", "--env", "A",
     "--check-files", "--check-files=stat", "stat", "content", "--prove", "--prove=1", "--pro", "--", "-", "-x", "-c",
     "", "--help", "-h", "python", "job.py", "--unknown", "--store-x", "a b", "-1", "--in"]
)  # fmt: skip


def by_argparse(argv: list[str]) -> dict[str, object] | None:
    """Return the arguments; `None` if argparse ends the program."""
    with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
        try:
            return vars(make_parser("envcap run", run).parse_args(argv))  # type: ignore[arg-type]
        except SystemExit:
            return None


@settings(max_examples=2000, deadline=None, database=None)
@given(st.lists(WORDS, max_size=8))
@example(["--", "python", "-c", "--prove"])
@example(["python", "--store", "x"])
@example(["--config", "a", "--config", "b", "--prove", "--", "true"])
@example(["--store", "--", "true"])
def test_it_reads_what_argparse_reads(argv: list[str]) -> None:
    found = run.parse_plainly(argv)
    if found is not None:
        assert vars(found) == by_argparse(argv)


def test_plain_command_lines_need_no_argparse() -> None:
    plain = [
        "--store",
        "s",
        "--job-id=7",
        "--config",
        "c",
        "--input=i",
        "--env",
        "A",
        "--check-files",
        "stat",
        "--prove",
    ]
    for argv in (["--", "true"], ["true"], [*plain, "--", "python", "job.py", "--help"]):
        assert run.parse_plainly(argv) is not None
