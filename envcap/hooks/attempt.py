# SPDX-License-Identifier: Apache-2.0
"""Writes the two documents of one attempt, whatever the hook: a manifest before the payload, a result after it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .. import __version__
from ..digest import digest_of, digest_of_file
from ..environment import Environment
from ..errors import StoreError
from ..ids import timestamp, uuid7
from ..model.descriptor import Descriptor
from ..model.document import Document
from ..model.manifest import Job, Manifest, Outcome
from ..model.recipe import Recipe
from ..model.result import FileRecord, Input, Output, Result
from ..redact import scrub_document
from ..store.journal import Journal
from ..store.local import LocalStore
from ..store.state import this_process
from ..trust.key import Key, KeyFileError, key_path

__all__ = ("AttemptWriter", "content_key", "file_record", "open_journal", "to_be_told")

_MENDABLE = ("seal", "site", "command", "block")

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeVar

    _D = TypeVar("_D", bound=Document)


def open_journal(store: LocalStore, path: str | None = None) -> tuple[Journal, dict[str, Outcome]]:
    """Return a journal whose records are sealed by the user's key, and an outcome if there can be no key.

    Parameters
    ----------
    store : `LocalStore`
    path : `str`, optional
        The key's file; by default, the user's own.
    """
    try:
        return Journal(store.root, Key.own(path or key_path(), store.root)), {}
    except KeyFileError as err:
        return Journal(store.root), {"seal": Outcome(status="failed", reason=str(err))}


def to_be_told(outcomes: Mapping[str, Outcome]) -> list[str]:
    """Return what makes a record worth less, and a user can mend before the next job: no seal, documents not kept."""
    failed = [outcomes[kind].reason for kind in _MENDABLE if kind in outcomes and outcomes[kind].status == "failed"]
    return [reason for reason in failed if reason]


class AttemptWriter:
    """One attempt of one job.

    Parameters
    ----------
    journal : `Journal`
    environment : `Environment`
    work : `Document`
        A `RubinQuantum` or a `Command`.
    job : `Job`
    job_id : `str`, optional
        As the submitter chose it; the attempt's own id if nobody did.
    outcomes : mapping, optional
        Outcomes of collectors that ran for this attempt alone.
    scrubbed : mapping, optional
        What was taken out of documents that were kept for this attempt alone: kind of secret by place.
    replay_of : `str`, optional
        The attempt that this one replays.
    started : `str`, optional
        When; by default, now.
    """

    def __init__(
        self,
        journal: Journal,
        environment: Environment,
        work: Document,
        job: Job,
        *,
        job_id: str | None = None,
        outcomes: Mapping[str, Outcome] | None = None,
        scrubbed: Mapping[str, str] | None = None,
        replay_of: str | None = None,
        started: str | None = None,
    ) -> None:
        self._journal = journal
        self.attempt = uuid7()
        clean, taken = scrub_document(work.data, "work")
        self.recipe = environment.recipe(work.checked(clean))
        self.outcomes = {**environment.outcomes, **(outcomes or {})}
        self._recipe_bytes = recipe = self.recipe.to_bytes()
        manifest = Manifest(
            attempt=self.attempt,
            job_id=job_id or self.attempt,
            started=started or timestamp(),
            recipe=Descriptor(mediaType=Recipe.media_type, digest=digest_of(recipe), size=len(recipe)),
            host=environment.host,
            site=environment.site,
            job=job,
            writer=this_process(),
            outcomes=self.outcomes,
            degraded=any(outcome.status == "failed" for outcome in self.outcomes.values()),
            instances=environment.instances or None,
            replay_of=replay_of,
            envcap=__version__,
        )
        self.manifest = _guarded(manifest, {**environment.scrubbed, **(scrubbed or {}), **taken})
        self._manifest_digest: str | None = None

    def begin(self) -> None:
        """Write the recipe and the manifest.

        Raises
        ------
        StoreError
            If they can't be written: then this attempt isn't recorded at all.
        """
        _, self._manifest_digest = self._journal.append(
            ("recipe", self._recipe_bytes), ("manifest", self.manifest.to_bytes())
        )

    def end(
        self,
        *,
        status: str,
        exit_status: int | None = None,
        error: str | None = None,
        inputs: Sequence[Input] = (),
        outputs: Sequence[Output] = (),
        missing: Sequence[str] = (),
        contents: Mapping[str, str | None] | None = None,
        resources: Mapping[str, str] | None = None,
        metrics: Mapping[str, str] | None = None,
        outcomes: Mapping[str, Outcome] | None = None,
        observed: Mapping[str, Descriptor] | None = None,
        log: FileRecord | None = None,
        unstable: Mapping[str, str] | None = None,
        degraded: Mapping[str, str] | None = None,
        ended: str | None = None,
    ) -> None:
        """Write the result.

        Parameters
        ----------
        contents : mapping, optional
            Digest of each input that was used, by the name it has in the recipe.
        ended : `str`, optional
            When; by default, now.
        **others
            As the members of `Result`.

        Raises
        ------
        StoreError
            If it can't be written: then the attempt reads as lost.
        """
        if self._manifest_digest is None:
            raise StoreError("no result without a manifest")
        result = Result(
            attempt=self.attempt,
            manifest=self._manifest_digest,
            ended=ended or timestamp(),
            status=status,
            exit=exit_status,
            error=error,
            inputs=inputs,
            outputs=outputs,
            missing=list(missing) or None,
            content_key=content_key(self.recipe, contents or {}),
            resources=resources or {},
            metrics=metrics or None,
            outcomes=outcomes or None,
            observed=observed or None,
            log=log,
            unstable=unstable or None,
            degraded=degraded or None,
        )
        self._journal.append(("result", _guarded(result, {}).to_bytes()))


def _guarded(document: _D, notes: Mapping[str, str]) -> _D:
    """Return a document without credentials, that says what was taken out of it and of the documents before it."""
    clean, own = scrub_document(document.data)
    found = {**notes, **own}
    return document.checked({**clean, "scrubbed": found}) if found else document


def content_key(recipe: Recipe, contents: Mapping[str, str | None]) -> str | None:
    """Return the digest of a recipe with its inputs by content; `None` if the content of one is not known.

    Two attempts of one content key should have made the same outputs.
    """
    if None in contents.values():
        return None
    software = {kind: component.digest for kind, component in recipe.software.items()}
    work = {name: value for name, value in recipe.work.items() if name not in ("inputs", "init_inputs")}
    from ..digest import canonical_json

    return digest_of(canonical_json({"software": software, "work": work, "contents": dict(contents)}))  # type: ignore[dict-item]


def file_record(path: str, uri: str | None = None) -> FileRecord:
    """Return the record of a file as it stands now.

    Raises
    ------
    OSError
        If it can't be read.
    """
    digest, size = digest_of_file(path)
    return FileRecord(uri=uri or f"file://{path}", digest=digest, size=size)
