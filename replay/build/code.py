# SPDX-License-Identifier: Apache-2.0
"""Put code back that no distribution covers: the commit, the patch, and the files that were kept."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping, Sequence

from envcap.errors import StoreError
from envcap.memo import cache_dir
from envcap.model.components import CodeRoot

from ..jobs.base import CapturedJob
from ..errors import BuildError
from ..fidelity import Fidelity, Layer

__all__ = ("code_layer", "code_path", "commits_of", "kept_commits", "original_roots", "run_git")

_SECONDS = 300
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


def code_layer(job: CapturedJob, code: str) -> Layer:
    """Return what can be put back of a job's code."""
    if job.source is None and code == "current":
        told = "the job had no code outside its distributions; --engine host takes today's"
        return Layer("source", Fidelity.IMPOSSIBLE, told)
    if job.source is None:
        return Layer("source", Fidelity.EXACT, "all code belongs to distributions")
    obstacles = [_obstacle(job, root, place, code) for root, place in _roots(job)]
    reasons = [obstacle for obstacle in obstacles if obstacle]
    if reasons:
        return Layer("source", Fidelity.IMPOSSIBLE, "; ".join(reasons))
    if code == "current":
        paths = ", ".join(str(place["path"]) for _, place in _roots(job))
        return Layer("source", Fidelity.SUBSTITUTED, f"today's code at {paths}, as asked (--code current)")
    lacking = [f"{root.name}/{name} ({why})" for root, _ in _roots(job) for name, why in root.left_out.items()]
    if lacking:
        more = f" and {len(lacking) - 1} more" if len(lacking) > 1 else ""
        return Layer("source", Fidelity.SUBSTITUTED, f"as captured, without {lacking[0]}{more}")
    return Layer("source", Fidelity.EXACT, "; ".join(_described(root) for root, _ in _roots(job)))


def code_path(job: CapturedJob, code: str, scratch: str) -> list[str]:
    """Return the directories for ``PYTHONPATH``, in order, having put the code there.

    Raises
    ------
    BuildError
        If it can't be put back.
    """
    if job.source is None:
        return []
    if code == "current":
        return [str(place["path"]) for _, place in _roots(job)]
    paths = []
    for number, (root, place) in enumerate(_roots(job)):
        top = os.path.join(scratch, "code", str(number), _file_name(root.name))
        os.makedirs(top)
        _restore(job, root, place, top)
        paths.append(top)
    return paths


def original_roots(job: CapturedJob) -> list[str]:
    """Return where the roots stood on the job's site, in order; empty texts for those of which that isn't known."""
    return [str(place.get("path", "")) for _, place in _roots(job)]


def _roots(job: CapturedJob) -> list[tuple[CodeRoot, Mapping[str, object]]]:
    roots = job.source.roots if job.source else ()
    places = job.place("source", "roots")
    known: Sequence[Mapping[str, object]] = [{}] * len(roots)
    if isinstance(places, list | tuple) and len(places) == len(roots):
        known = [place if isinstance(place, Mapping) else {} for place in places]
    return list(zip(roots, known, strict=True))


def _file_name(name: str) -> str:
    return "".join(c if c.isalnum() or c in "-_" else "_" for c in name) or "code"


def _described(root: CodeRoot) -> str:
    if root.commit is None:
        return f"{root.name}: {len(root.files)} files, kept"
    extra = (" + patch" if root.patch else "") + (f" + {len(root.files)} untracked files" if root.files else "")
    return f"{root.name}: commit {root.commit[:10]}{extra}"


def _obstacle(job: CapturedJob, root: CodeRoot, place: Mapping[str, object], code: str) -> str | None:
    """Return why a root can't be put back, `None` if it can."""
    if code == "current":
        path = place.get("path")
        return None if isinstance(path, str) and os.path.isdir(path) else f"{root.name}: {path} is gone"
    for name, descriptor in {**root.files, **({"its patch": root.patch} if root.patch else {})}.items():
        if not job.store.has(descriptor.digest):
            return f"{root.name}: {name} is missing from the store"
    code_left_out = [n for n in root.left_out if n.endswith((".py", ".so")) or n.startswith("(")]
    if code_left_out:
        return f"{root.name}: {code_left_out[0]} was not kept: {root.left_out[code_left_out[0]]}"
    if root.commit is not None and not _COMMIT.fullmatch(root.commit):
        return f"{root.name}: {root.commit[:80]!r} is no commit"
    return None if root.commit is None else _lack_of_commit(root.name, root.commit, place)


def kept_commits() -> str:
    """Return the bare repository of this user's cache that has the commits of bundles."""
    return os.path.join(cache_dir(), "code.git")


def commits_of(job: CapturedJob) -> list[tuple[str, str]]:
    """Return the commits that a job's code is made of, each with a repository that has it, or an empty text."""
    found = []
    for root, place in _roots(job):
        if root.commit is not None and _COMMIT.fullmatch(root.commit):
            having = (r for r in _repositories(place) if _has_commit(r, str(root.commit)))
            found.append((root.commit, next(having, "")))
    return found


def _repositories(place: Mapping[str, object]) -> list[str]:
    """Return where a commit may be: where the job had it, and among those that came in bundles."""
    tree = place.get("work_tree")
    return [one for one in (tree, kept_commits()) if isinstance(one, str) and os.path.isdir(one)]


def _has_commit(repository: str, commit: str) -> bool:
    return run_git(repository, {}, "cat-file", "-e", f"{commit}^{{commit}}").returncode == 0


def _lack_of_commit(name: str, commit: str, place: Mapping[str, object]) -> str | None:
    """Return why a commit can't be read where the job had it, `None` if it can."""
    tree = place.get("work_tree")
    for repository in _repositories(place):
        done = run_git(repository, {}, "cat-file", "-e", f"{commit}^{{commit}}")
        if done.returncode == 0:
            return None
        if b"dubious ownership" in done.stderr:
            return f"{name}: {tree} is another user's: git config --global --add safe.directory {tree}"
    todo = f"clone {place['remote']} there" if "remote" in place else "fetch it there, or take today's: --code current"
    return f"{name}: commit {commit[:10]} is not in {tree or 'any known repository'}; {todo}"


def run_git(
    folder: str, variables: Mapping[str, str], *arguments: str, given: bytes | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run git in a directory, without hooks and the like, and return what it did.

    Raises
    ------
    BuildError
        If there is no git, or it takes too long.
    """
    # A patch must not be applied to a repository that happens to enclose the scratch directory.
    own = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environ = {**own, "GIT_CEILING_DIRECTORIES": os.path.dirname(folder), "LC_ALL": "C", **variables}
    command = ["git", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-C", folder, *arguments]
    try:
        return subprocess.run(command, capture_output=True, input=given, env=environ, timeout=_SECONDS, check=False)
    except OSError as err:
        told = "git is not installed" if isinstance(err, FileNotFoundError) else f"git can't be run ({err.strerror})"
        raise BuildError(f"{told}; it is needed to put captured code back") from None
    except subprocess.TimeoutExpired:
        raise BuildError(f"git {arguments[0]} in {folder} takes more than {_SECONDS} s") from None


def _git(folder: str, variables: Mapping[str, str], *arguments: str) -> None:
    done = run_git(folder, variables, *arguments)
    if done.returncode:
        reason = " ".join(done.stderr.decode("utf-8", "replace").split())
        raise BuildError(f"git {arguments[0]} in {folder}: {reason[:300]}")


def _restore(job: CapturedJob, root: CodeRoot, place: Mapping[str, object], top: str) -> None:
    if root.commit is not None:
        having = (one for one in _repositories(place) if _has_commit(one, str(root.commit)))
        _check_out(root, next(having, str(place.get("work_tree"))), top)
    try:
        if root.patch is not None:
            patch = top + ".patch"
            with open(patch, "wb") as stream:
                stream.write(job.store.get(root.patch.digest))
            _git(top, {}, "apply", "--whitespace=nowarn", patch)
        for name, descriptor in root.files.items():
            path = os.path.normpath(os.path.join(top, name))
            if not path.startswith(top + os.sep):
                raise BuildError(f"{root.name}: the file name {name!r} leads out of its root")
            os.makedirs(os.path.dirname(path), exist_ok=True)
            inside = os.path.realpath(os.path.dirname(path)) + os.sep
            if not inside.startswith(os.path.realpath(top) + os.sep) or os.path.islink(path):
                raise BuildError(f"{root.name}: {name!r} leads out of its root through a link")
            with open(path, "wb") as stream:
                stream.write(job.store.get(descriptor.digest))
    except (OSError, StoreError) as err:
        raise BuildError(f"{root.name}: {err}") from err


def _check_out(root: CodeRoot, work_tree: str, top: str) -> None:
    """Write a commit's files, through an index of our own: the repository's own index and work tree stay as they are."""
    # The work tree is named, since a bare repository has none.
    index = {"GIT_INDEX_FILE": top + ".index", "GIT_WORK_TREE": top}
    tree = f"{root.commit}:{root.subdir}" if root.subdir else str(root.commit)
    _git(work_tree, index, "read-tree", tree)
    _git(work_tree, index, "checkout-index", "--all", "--force", f"--prefix={top}{os.sep}")
