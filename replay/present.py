# SPDX-License-Identifier: Apache-2.0
"""Plans and verdicts as people read them."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from envcap.cli.console import table

from .comparators.files import FileComparison
from .comparators.policy import Verdict
from .difference_tree import difference_trees
from .fidelity import Fidelity, Layer
from .planning import Plan
from .verdict import ReplayVerdict

__all__ = ("print_comparison", "print_plan", "print_verdict")

_FIDELITY = {
    Fidelity.EXACT: "green",
    Fidelity.REBUILT: "green",
    Fidelity.SUBSTITUTED: "yellow",
    Fidelity.IMPOSSIBLE: "red",
}
_VERDICT = {
    Verdict.IDENTICAL: "bold green",
    Verdict.EQUAL: "bold green",
    Verdict.EQUIVALENT: "bold yellow",
    Verdict.DIFFERENT: "bold red",
    Verdict.FAILED: "bold red",
}


def print_plan(out: Console, plan: Plan) -> None:
    """Print what a replay will do."""
    job = plan.job.manifest.job
    out.print(
        f"[bold]{escape(job.name)}[/bold]  {escape(plan.job.title)}{f'  RUN {escape(job.run)}' if job.run else ''}"
    )
    out.print(f"engine {plan.engine}, {plan.code} code, recipe {plan.job.manifest.recipe.digest[:19]}…")
    out.print(f"sandbox {escape(plan.chosen.sandbox())}")
    out.print(layers_table(plan.layers))


def layers_table(layers: Iterable[Layer]) -> Table:
    """Return the fidelity of each layer as a table."""
    made = table(("layer", "fidelity", ""), ())
    for layer in layers:
        colour = _FIDELITY[layer.fidelity]
        made.add_row(layer.name, f"[{colour}]{layer.fidelity}[/{colour}]", escape(layer.detail))
    return made


def print_comparison(out: Console, comparison: FileComparison) -> None:
    """Print how two files differ; the last line is the verdict."""
    for tree in difference_trees(comparison):
        out.print(tree)
    colour = _VERDICT[comparison.verdict]
    out.print(f"[{colour}]{comparison.verdict}[/{colour}] {escape(comparison.judgement.note)}".rstrip())


def print_verdict(out: Console, verdict: ReplayVerdict) -> None:
    """Print what a replay came to; the last line is the verdict."""
    out.print(layers_table(verdict.layers))
    made = table(("output", "verdict", ""), ())
    for output in verdict.outputs:
        colour = _VERDICT[output.comparison.verdict]
        made.add_row(
            escape(output.remade.dataset_type),
            f"[{colour}]{output.comparison.verdict}[/{colour}]",
            escape("\n".join(output.lines())),
        )
    out.print(made)
    for dataset_type in verdict.extra:
        out.print(f"[bold red]different[/bold red] the re-run made {escape(dataset_type)}, which the job did not make")
    colour = _VERDICT[verdict.verdict]
    timings = ", ".join(f"{step} {seconds:.1f} s" for step, seconds in verdict.seconds.items())
    out.print(f"[dim]{escape(timings)}[/dim]")
    out.print(f"re-made in {escape(verdict.place)}")
    out.print(f"[{colour}]{verdict.verdict}[/{colour}] {escape(verdict.job.manifest.job.name)}")
