# SPDX-License-Identifier: Apache-2.0
"""The commits that the job's code is made of: each without its history, as a pack that git itself checks."""

from __future__ import annotations

import os
from collections.abc import Sequence

from ... import grammar
from ...build.code import commits_of, kept_commits, run_git
from ...errors import BuildError, ReplayRefusedError
from ...grammar import checked
from .base import Entry, Packing, Part, Unpacking

__all__ = ("CodePart",)


class CodePart(Part):
    """Packs by commit."""

    kinds = ("commit",)

    def pack(self, packing: Packing) -> None:
        """Put each commit in with its files."""
        if packing.job.source is None:
            return
        for commit, repository in dict(commits_of(packing.job)).items():
            if not repository:
                packing.left_out.append((f"commit {commit[:10]}", "it is in no repository that is known here"))
                continue
            packing.add("commit", commit, _packed(repository, commit))

    def unpack(self, entries: Sequence[Entry], unpacking: Unpacking) -> None:
        """Put the commits into a bare repository of the cache, where a replay looks for them."""
        repository = kept_commits()
        for entry in unpacking.present(entries):
            commit = checked("bundle: commit", entry.name, grammar.COMMIT)
            os.makedirs(repository, exist_ok=True)
            for words, given in (
                (("init", "--quiet", "--bare"), None),
                (("index-pack", "--stdin", "--fsck-objects"), unpacking.reader.blob(entry.digest)),
            ):
                done = run_git(repository, {}, *words, given=given)
                if done.returncode:
                    reason = " ".join(done.stderr.decode("utf-8", "replace").split())[:200]
                    raise ReplayRefusedError(f"the bundle's commit {commit[:10]}: {reason}")
            if run_git(repository, {}, "cat-file", "-e", f"{commit}^{{tree}}").returncode:
                raise ReplayRefusedError(f"the bundle's commit {commit[:10]} is not what it is called")


def _packed(repository: str, commit: str) -> bytes:
    listed = run_git(repository, {}, "rev-list", "--objects", "--no-walk=unsorted", "--no-object-names", commit, "--")
    done = run_git(repository, {}, "pack-objects", "--stdout", "-q", "--threads=1", given=listed.stdout)
    if listed.returncode or done.returncode:
        reason = " ".join((listed.stderr + done.stderr).decode("utf-8", "replace").split())
        raise BuildError(f"git can't pack {commit[:10]}: {reason[:200]}")
    return done.stdout
