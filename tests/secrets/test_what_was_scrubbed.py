# SPDX-License-Identifier: Apache-2.0
"""What was scrubbed is recorded by place and kind, never by value."""

from __future__ import annotations

from tests.secrets.canaries import BY_NAME, SAFE
from tests.secrets.conftest import Laboratory

_FAIL = ("--", "/bin/sh", "-c", "exit 3")


def test_a_scrubbed_variable_is_named_with_its_kind(laboratory: Laboratory) -> None:
    canary = BY_NAME["github_personal"]
    laboratory.run(*_FAIL, env={"OMP_NOTE": canary.text, "OMP_NUM_THREADS": "4"})
    scrubbed = laboratory.attempt().manifest.scrubbed
    assert scrubbed is not None
    ((place, kind),) = scrubbed.items()
    assert place.endswith("variables.OMP_NOTE")
    assert "github" in kind
    assert laboratory.variables()["OMP_NOTE"] == f"<scrubbed:{kind}>"
    assert laboratory.variables()["OMP_NUM_THREADS"] == "4"
    laboratory.must_hold_no_secret()


def test_a_scrubbed_argument_and_a_scrubbed_configuration_are_named(laboratory: Laboratory) -> None:
    config = laboratory.work / "site.ini"
    config.write_text(BY_NAME["ini_password"].text)
    laboratory.run(f"--config={config}", *_FAIL, "sh", BY_NAME["postgresql_url"].text)
    scrubbed = laboratory.attempt().manifest.scrubbed
    assert scrubbed is not None
    assert any("argv" in place for place in scrubbed)
    assert any("site.ini" in place for place in scrubbed)
    assert laboratory.finder.names(str(scrubbed)) == set()


def test_of_a_clean_job_nothing_was_scrubbed(laboratory: Laboratory) -> None:
    # What is code is no argument: there, quotes and references are not the shell's any more.
    words = [text for name, text in SAFE.items() if not name.startswith(("python_", "shell_", "scrubbed_"))]
    laboratory.run("--env=SKY_NOTE", *_FAIL, "sh", *words, env={"SKY_NOTE": SAFE["git_commit"], "OMP_NUM_THREADS": "4"})
    manifest = laboratory.attempt().manifest
    assert not manifest.scrubbed
    assert manifest.job.argv[4:] == tuple(words)


def test_a_result_says_what_was_scrubbed_from_it(laboratory: Laboratory) -> None:
    name = BY_NAME["huggingface"].text
    laboratory.run(f"--output={name}", *_FAIL)
    result = laboratory.attempt().result
    assert result is not None
    assert list((result.scrubbed or {}).values()), "the missing output's name holds a token"
    assert result.missing == (f"<scrubbed:{next(iter((result.scrubbed or {}).values()))}>",)
