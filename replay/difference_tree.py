# SPDX-License-Identifier: Apache-2.0
"""The tree of differences as people read it: what counts stands out, what the policy excuses is dimmed."""

from __future__ import annotations

from rich.text import Text
from rich.tree import Tree

from envcap.printable import printable

from .comparators.difference import Difference
from .comparators.files import FileComparison
from .comparators.policy import Judgement

__all__ = ("difference_trees",)

_MOST_CHILDREN = 40
"""Most differences that are shown below one node; a table may have thousands of columns."""


def difference_trees(comparison: FileComparison) -> list[Tree]:
    """Return a tree for each topmost difference, those with something that counts first."""
    shown = _Shown(comparison.judgement)
    topmost = shown.ranked(comparison.differences)
    trees = [shown.tree(difference) for difference in topmost[:_MOST_CHILDREN]]
    return [*trees, *map(Tree, _rest(len(topmost)))]


class _Shown:
    """How each difference is shown, by what it was taken for."""

    def __init__(self, judgement: Judgement) -> None:
        self._significant = {id(leaf.difference) for leaf in judgement.significant}
        self._tolerated = {id(leaf.difference) for leaf in judgement.tolerated}

    def ranked(self, differences: tuple[Difference, ...]) -> list[Difference]:
        """Put what holds something significant first; each part keeps its order."""
        return sorted(differences, key=lambda one: not self._counts(one))

    def tree(self, difference: Difference) -> Tree:
        """Return a difference with what is below it."""
        made = Tree(self._line(difference))
        children = self.ranked(difference.children)
        for child in children[:_MOST_CHILDREN]:
            made.children.append(self.tree(child))
        for line in _rest(len(children)):
            made.add(line)
        return made

    def _counts(self, difference: Difference) -> bool:
        return any(id(leaf.difference) in self._significant for leaf in difference.leaves())

    def _line(self, difference: Difference) -> Text:
        where, detail = printable(difference.where, ""), printable(difference.detail, "")
        if self._counts(difference):
            return Text.assemble((where, "bold"), f": {detail}", style="" if difference.children else "red")
        note = ""
        if not difference.children:
            note = " (within tolerance)" if id(difference) in self._tolerated else " (volatile)"
        return Text(f"{where}: {detail}{note}", style="dim")


def _rest(count: int) -> list[str]:
    return [f"and {count - _MOST_CHILDREN} more"] if count > _MOST_CHILDREN else []
