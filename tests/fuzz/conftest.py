# SPDX-License-Identifier: Apache-2.0
"""The corpus of the fuzz tests, made once a session, and what runs a campaign on it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fuzz.corpus import Corpus, make_corpus

Campaigns = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def fuzz_environ() -> dict[str, str]:
    """Give this process's environment without what could bend a test."""
    bending = ("ENVCAP_", "PYTHON", "GIT_", "PYTEST_", "VIRTUAL_ENV")
    return {name: value for name, value in os.environ.items() if not name.startswith(bending)}


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory, fuzz_environ: dict[str, str]) -> Corpus:
    """Give the corpus. Not to be changed."""
    return make_corpus(tmp_path_factory.mktemp("fuzz") / "corpus", fuzz_environ)


@pytest.fixture
def run_campaign(corpus: Corpus, fuzz_environ: dict[str, str]) -> Campaigns:
    """Give a function that runs a campaign in a process of its own."""
    root = Path(__file__).parents[2]

    def run(name: str, seed: str, cases: int, *options: str) -> subprocess.CompletedProcess[str]:
        words = [sys.executable, "-m", "tests.fuzz.runner", name, str(corpus.folder), seed, str(cases), *options]
        return subprocess.run(words, cwd=root, env=fuzz_environ, capture_output=True, text=True, check=False)

    return run
