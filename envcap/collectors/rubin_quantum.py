# SPDX-License-Identifier: Apache-2.0
"""A Rubin quantum: the task, its data ID and inputs, and its configuration as executed.

It is given plain facts; the hook that has them from the middleware is the one that touches the middleware.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..model.components import RubinConfig, RubinQuantum
from ..model.descriptor import Descriptor
from ..model.manifest import DatasetGroup, Outcome
from ..redact import SECRET_NAME, is_secret_name, scrub, scrub_document, scrubbed, scrubbed_kinds
from ..target import Target
from .base import Collected, Collector, Keep

__all__ = ("CONFIG_MEDIA_TYPE", "QuantumFacts", "RubinQuantumCollector", "keep_config")

CONFIG_MEDIA_TYPE = "text/x-python"


class QuantumFacts:
    """What the middleware says of a quantum.

    Attributes
    ----------
    task_class, label : `str`
    data_id : mapping
        Required dimensions by name, as text.
    inputs, init_inputs : sequence of `DatasetGroup`
        In the order in which the task is given them.
    config : `Descriptor`
        Of the `RubinConfig`, from `keep_config`.
    config_failure : `Outcome` or `None`
        Why the configuration could not be kept.
    scrubbed : mapping
        What was taken out of the configuration: kind of secret by place.
    init : `bool`
        Whether it only constructs the task and writes its init-outputs.
    """

    def __init__(
        self,
        task_class: str,
        label: str,
        data_id: Mapping[str, str],
        inputs: Sequence[DatasetGroup],
        init_inputs: Sequence[DatasetGroup],
        config: Descriptor,
        config_failure: Outcome | None = None,
        scrubbed: Mapping[str, str] | None = None,
        init: bool = False,
    ) -> None:
        self.task_class = task_class
        self.label = label
        self.data_id = data_id
        self.inputs = inputs
        self.init_inputs = init_inputs
        self.config = config
        self.config_failure = config_failure
        self.scrubbed = scrubbed or {}
        self.init = init


class RubinQuantumCollector(Collector):
    """Makes the component of one quantum."""

    kind = "rubin_quantum"

    def __init__(self, facts: QuantumFacts) -> None:
        self._facts = facts

    def collect(self, target: Target, keep: Keep) -> Collected:
        """Return the quantum without its own UUID, its outputs and its RUN, which aren't identity."""
        facts = self._facts
        return Collected(
            RubinQuantum(
                task_class=facts.task_class,
                label=facts.label,
                init=facts.init or None,
                data_id=facts.data_id,
                inputs=_by_type(facts.inputs),
                init_inputs=_by_type(facts.init_inputs),
                config=facts.config,
            )
        )


def _by_type(groups: Sequence[DatasetGroup]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for group in groups:
        found.setdefault(group.dataset_type, []).extend(row[0] for row in group.rows)
    return found


def keep_config(text: str, keep: Keep) -> tuple[Descriptor, dict[str, str]]:
    """Keep a configuration: its exact text, and its fields, read without executing it; neither with a secret.

    Returns
    -------
    descriptor : `Descriptor`
        Of the `RubinConfig` document.
    scrubbed : `dict` [ `str`, `str` ]
        What was taken out: kind by place.
    """
    from ..pexconfig import ConfigRefusedError, parse_config

    def kept(clean: str) -> Descriptor:
        return keep(CONFIG_MEDIA_TYPE, clean.encode("utf-8", "surrogateescape"))

    try:
        parsed = parse_config(text)
        clean = parsed.replaced(_without_secret)
        exact = clean.fields == parsed.fields
        document = RubinConfig(
            config_class=parsed.config_class, text=kept(text if exact else clean.text), fields=clean.fields
        )
    except ConfigRefusedError as err:
        document = RubinConfig(text=kept(scrub(text)), refused=scrub(str(err)))
    _, notes = scrub_document(document.data, "configuration")
    return keep(RubinConfig.media_type, document.to_bytes()), notes


def _without_secret(path: str, literal: str) -> tuple[str, str]:
    """Return a field's path and value without credentials; the value stays a literal."""
    name = path.rpartition(".")[2].strip("[]'\"")
    text = literal.startswith(("'", '"'))
    if text and len(literal) > 2 and is_secret_name(name):
        return scrub(path), repr(scrubbed(SECRET_NAME))
    clean = scrub(literal)
    if clean != literal and not _is_literal(clean):
        clean = repr(" ".join(map(scrubbed, scrubbed_kinds(clean))))
    return scrub(path), clean


def _is_literal(text: str) -> bool:
    import ast

    try:
        ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return False
    return True
