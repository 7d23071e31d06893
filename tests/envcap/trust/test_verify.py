# SPDX-License-Identifier: Apache-2.0
"""Authentic, foreign, tampered, incomplete: what a hostile hand can do to a store, and what envcap says of it."""

from __future__ import annotations

import json
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from envcap.digest import canonical_json, digest_of
from envcap.store.local import LocalStore

Run = Callable[..., object]


@pytest.fixture
def job(envcap: Run, work: Path) -> str:
    """Run a job that keeps a configuration, and return its attempt id."""
    (work / "job.py").write_text("open('out.txt', 'w').write('made')\n")
    (work / "job.ini").write_text("[job]\nanswer = 42\n")
    done = envcap("run", "--config", "job.ini", "--output", "out.txt", "--", sys.executable, "job.py")
    assert done.returncode == 0, done.stderr  # type: ignore[attr-defined]
    return str(json.loads(envcap("jobs", "--json").stdout)[0]["attempt"])  # type: ignore[attr-defined]


@pytest.fixture
def verdict(envcap: Run) -> Callable[..., tuple[int, str, str]]:
    """Give a function that verifies a job and returns exit status, status and reason."""

    def verify(selector: str, **others: object) -> tuple[int, str, str]:
        done = envcap("verify", selector, "--json", **others)
        if not done.stdout:  # type: ignore[attr-defined]
            return done.returncode, "error", done.stderr  # type: ignore[attr-defined]
        (row,) = json.loads(done.stdout)["attempts"]  # type: ignore[attr-defined]
        return done.returncode, row["status"], row["reason"]  # type: ignore[attr-defined]

    return verify


def journal_of(store: LocalStore, word: bytes) -> Path:
    """Return the journal that holds some bytes."""
    return next(p for p in Path(store.root, "journal").rglob("*") if p.is_file() and word in p.read_bytes())


def records(path: Path) -> list[list[bytes]]:
    """Return a journal's records as kind, digest, length, seal, bytes."""
    found, data = [], path.read_bytes()
    while data:
        head, _, rest = data.partition(b"\n")
        fields = head.split(b" ")
        length = int(fields[3])
        found.append([*fields[1:5], rest[:length]])
        data = rest[length + 1 :]
    return found


def write(path: Path, rows: list[list[bytes]]) -> None:
    """Write records, with digests, lengths and checks that are right: whoever can write can make those."""
    made = b""
    for kind, _, _, seal, data in rows:
        head = b" ".join((b"envcap-record", kind, digest_of(data).encode(), str(len(data)).encode(), seal))
        made += head + b" %08x\n" % zlib.crc32(head) + data + b"\n"
    path.write_bytes(made)


def changed(data: bytes, **members: object) -> bytes:
    """Return a document with other members, in canonical form."""
    return canonical_json({**json.loads(data), **members})


def forget(store: LocalStore) -> None:
    """Delete the index, as a hostile hand would to have its journals read anew."""
    for path in Path(store.root).glob("index.sqlite*"):
        path.unlink()


def test_what_the_user_captured_is_authentic(job: str, verdict: Callable[..., tuple[int, str, str]]) -> None:
    assert verdict(job) == (0, "authentic", "sealed by your own key")


def test_what_another_user_captured_is_foreign(
    job: str, verdict: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    status, found, reason = verdict(job, env={"ENVCAP_KEY": str(tmp_path / "another")})
    assert (status, found) == (3, "foreign")
    assert "vouches" in reason


@pytest.mark.parametrize("kind", [b"manifest", b"result"])
@pytest.mark.parametrize("seal", ["kept", "taken off", "invented"])
def test_a_document_that_was_changed(
    kind: bytes, seal: str, job: str, store: LocalStore, verdict: Callable[..., tuple[int, str, str]]
) -> None:
    path = journal_of(store, job.encode())
    rows = records(path)
    for row in rows:
        if row[0] == kind:
            row[4] = changed(row[4], started="2020-01-01T00:00:00.000Z", ended="2020-01-01T00:00:00.000Z")
            row[3] = {"kept": row[3], "taken off": b"-", "invented": row[3][:17] + b"0" * 32}[seal]
    manifest = next(row for row in rows if row[0] == b"manifest")
    for row in rows:
        if row[0] == b"result":  # a thorough hand lets the result name the changed manifest
            row[4] = changed(row[4], manifest=digest_of(manifest[4]))
    write(path, rows)
    forget(store)
    status, found, _ = verdict(job)
    assert status == 3
    # Without its seal the one document is nobody's; the other's seal still shows that it was changed with it.
    assert found == ("foreign" if (kind, seal) == (b"result", "taken off") else "tampered")


def test_the_result_of_another_job(
    job: str, envcap: Run, store: LocalStore, verdict: Callable[..., tuple[int, str, str]]
) -> None:
    envcap("run", "--job-id", "other", "--", "true")
    other = next(row for row in records(journal_of(store, b'"other"')) if row[0] == b"result")
    path = journal_of(store, job.encode())
    rows = [[*row[:4], changed(other[4], attempt=job)] if row[0] == b"result" else row for row in records(path)]
    write(path, rows)
    forget(store)
    assert verdict(job)[:2] == (3, "tampered")


@pytest.mark.parametrize("what", ["one bit", "deleted", "empty"])
def test_an_object_that_was_changed(
    what: str, job: str, store: LocalStore, verdict: Callable[..., tuple[int, str, str]]
) -> None:
    path = next(p for p in Path(store.root, "objects").rglob("*") if p.is_file() and b"answer = 42" in p.read_bytes())
    if what == "deleted":
        path.unlink()
    else:
        path.write_bytes(b"" if what == "empty" else path.read_bytes().replace(b"42", b"43"))
    status, found, reason = verdict(job)
    assert (status, found) == (3, "incomplete" if what == "deleted" else "tampered")
    assert path.name in reason


def test_all_of_a_store(job: str, envcap: Run, store: LocalStore) -> None:
    envcap("run", "--", "true")
    done = envcap("verify", "--all")
    assert done.returncode == 0  # type: ignore[attr-defined]
    assert done.stdout.strip() == "2 authentic"  # type: ignore[attr-defined]
    path = journal_of(store, job.encode())
    path.write_bytes(path.read_bytes().replace(b'"envcap run"', b'"envcap ruN"'))
    forget(store)
    done = envcap("verify", "--all")
    assert done.returncode == 3  # type: ignore[attr-defined]
    assert path.name in done.stdout  # type: ignore[attr-defined]
    assert "not the bytes of" in done.stdout  # type: ignore[attr-defined]


def test_a_job_without_a_key_runs_and_says_so(
    envcap: Run, tmp_path: Path, verdict: Callable[..., tuple[int, str, str]]
) -> None:
    (tmp_path / "file").write_text("")
    env = {"ENVCAP_KEY": str(tmp_path / "file" / "key")}
    done = envcap("run", "--job-id", "keyless", "--", "true", env=env)
    assert done.returncode == 0  # type: ignore[attr-defined]
    manifest = json.loads(envcap("show", "job:keyless", "--json").stdout)["manifest"]  # type: ignore[attr-defined]
    assert manifest["outcomes"]["seal"]["status"] == "failed"
    assert manifest["degraded"]
    assert verdict("job:keyless")[:2] == (3, "foreign")


class TestSigners:
    """What one user captured, another may believe, without being able to make it."""

    @pytest.fixture
    def other(self, tmp_path: Path) -> dict[str, str]:
        """Give the variables of another user."""
        return {"XDG_CONFIG_HOME": str(tmp_path / "other")}

    @pytest.fixture
    def believe(self, other: dict[str, str]) -> Callable[[str], None]:
        """Give a function that writes the other user's signers."""

        def write_signers(text: str) -> None:
            path = Path(other["XDG_CONFIG_HOME"], "envcap", "signers")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

        return write_signers

    def test_a_named_signer_is_believed(
        self, job: str, envcap: Run, other: dict[str, str], believe: Callable[[str], None],
        verdict: Callable[..., tuple[int, str, str]],
    ) -> None:  # fmt: skip
        signed = envcap("sign", job)
        assert signed.returncode == 0  # type: ignore[attr-defined]
        line = signed.stdout  # type: ignore[attr-defined]
        assert verdict(job, env=other)[:2] == (3, "foreign")
        believe("# whom I know\noperations " + line.partition(" ")[2])
        assert verdict(job, env=other) == (0, "authentic", "signed by operations")
        assert envcap("sign", job).stdout == line  # type: ignore[attr-defined]
        assert "1 had been signed" in envcap("sign", job).stderr  # type: ignore[attr-defined]

    def test_the_signature_of_an_unknown_is_not(
        self, job: str, envcap: Run, other: dict[str, str], believe: Callable[[str], None], tmp_path: Path,
        verdict: Callable[..., tuple[int, str, str]],
    ) -> None:  # fmt: skip
        envcap("sign", job)
        stranger = {"XDG_CONFIG_HOME": str(tmp_path / "stranger")}
        envcap("run", "--job-id", "strange", "--", "true", env=stranger)
        believe("stranger " + envcap("sign", "job:strange", env=stranger).stdout.partition(" ")[2])  # type: ignore[attr-defined]
        assert verdict("job:strange", env=other)[1] == "authentic"
        assert verdict(job, env=other)[1] == "foreign"

    def test_a_signature_is_of_one_attempt(
        self, job: str, envcap: Run, store: LocalStore, other: dict[str, str], believe: Callable[[str], None],
        verdict: Callable[..., tuple[int, str, str]],
    ) -> None:  # fmt: skip
        believe("me " + envcap("sign", job).stdout.partition(" ")[2])  # type: ignore[attr-defined]
        envcap("run", "--job-id", "second", "--", "true")
        shown = json.loads(envcap("jobs", "--json").stdout)  # type: ignore[attr-defined]
        second = next(row["attempt"] for row in shown if row["job_id"] == "second")
        path = journal_of(store, b'"signature"')
        (row,) = (row for row in records(path) if row[0] == b"signature")
        data = records(journal_of(store, b'"second"'))
        facts = {kind.decode(): digest_of(text) for kind, _, _, _, text in data}
        moved = changed(row[4], attempt=second, manifest=facts["manifest"], result=facts["result"])
        write(path, [row, [*row[:4], moved]])
        forget(store)
        assert verdict("job:second", env=other)[1] == "foreign"
        assert verdict(job, env=other)[1] == "authentic"

    def test_what_is_foreign_is_not_signed(self, job: str, envcap: Run, other: dict[str, str]) -> None:
        envcap("run", "--", "true", env=other)
        done = envcap("sign", "--all")
        assert done.returncode == 3  # type: ignore[attr-defined]
        assert "1 signed, 0 had been signed, 1 not signed" in done.stderr  # type: ignore[attr-defined]

    @pytest.mark.parametrize("text", ["operations\n", "ops ssh-rsa AAAA\n", "ssh-ed25519 AAAA\n"])
    def test_a_line_that_is_none_is_named(
        self, text: str, job: str, other: dict[str, str], believe: Callable[[str], None],
        verdict: Callable[..., tuple[int, str, str]],
    ) -> None:  # fmt: skip
        believe("\n" + text)
        status, _, told = verdict(job, env=other)
        assert status == 3
        assert "signers, line 2: expected 'NAME ssh-ed25519 KEY'" in told
