# SPDX-License-Identifier: Apache-2.0
"""`%load_ext envcap`: ``%%capture_job`` at the top of a notebook's cell records the cell as a job.

IPython runs the rest of the cell itself, as if the line were not there: it is taken off before IPython parses the
cell, and the job begins and ends with the events that IPython tells of each cell. So ``await``, other magics, what the
last expression shows and what an error shows are as ever.
"""

from __future__ import annotations

import keyword
import logging
import os
import shlex
from argparse import ArgumentTypeError, Namespace
from collections.abc import Sequence
from itertools import dropwhile

from IPython.core.error import UsageError
from IPython.core.inputtransformer2 import cell_magic, leading_indent
from IPython.core.interactiveshell import ExecutionInfo, ExecutionResult, InteractiveShell
from IPython.core.magic_arguments import MagicArgumentParser
from IPython.display import display

from ..collectors.source import reason_against
from ..errors import EnvcapError
from ..model.components import PythonBlock
from ..model.manifest import Outcome
from ..redact import scrub, scrubbed_kinds
from ..store.index import Attempt
from ..store.keeper import Keeper
from ..store.local import LocalStore
from ..store.place import default_store
from ..store.selector import find
from .block import CapturedBlock
from .declared import DeclaredFiles

__all__ = ("CapturedCell", "CellCapture", "load_ipython_extension", "unload_ipython_extension")

_NAME = "capture_job"
_LINE = f"%%{_NAME}"
_MEDIA_TYPE = "text/x-python"
_NO_FRAME = 1_000_000
"""No stack is so deep: of ``{names}`` in options, only the user's variables are looked up, none of ours."""
_log = logging.getLogger("envcap")


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Bring ``%%capture_job``; IPython calls this for ``%load_ext envcap``."""
    CellCapture(shell).load()


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """Take ``%%capture_job`` away again."""
    for transform in list(shell.input_transformers_cleanup):
        if isinstance(transform, CellCapture):
            transform.unload()


class CapturedCell(CapturedBlock):
    """One run of a cell that is recorded as a job.

    Parameters
    ----------
    code : `str`
        The cell without its first line. It is the job's identity, with what its options name.
    options : `argparse.Namespace`
        The options of that line.

    Attributes
    ----------
    raw : `str`
        The whole cell, by which IPython's events are told apart.
    leave_in : `str` or `None`
        The variable that is given the job.

    Raises
    ------
    UsageError
        If a configuration or input file isn't there (that of `envcap.errors`).
    """

    activator = _LINE

    def __init__(self, code: str, options: Namespace) -> None:
        # A cell may change the directory.
        files = DeclaredFiles(*map(_absolute, (options.config, options.input, options.output)))
        store = LocalStore(options.store or default_store())
        super().__init__(options.name, files, job_id=options.job_id, env=(), parameters={}, store=store)
        self._code = code
        self.leave_in: str | None = options.leave_in
        self.raw = ""

    def found(self) -> Attempt | None:
        """Return the attempt as the store has it; `None` if it isn't recorded."""
        if self.attempt is None:
            return None
        try:
            return find(f"attempt:{self.attempt}", store=self._store.root)
        except EnvcapError as err:
            _log.warning("this job can't be read back: %s", err)
            return None

    def _work(self, outcomes: dict[str, Outcome]) -> PythonBlock:
        data = dict(super()._work(outcomes).data)
        code = self._code.encode("utf-8", "surrogateescape")
        reason = reason_against("cell.py", code)
        if reason is not None:
            data["code_left_out"] = reason
            if kinds := scrubbed_kinds(scrub(self._code, code=True)):
                self._files.scrubbed["code"] = ", ".join(kinds)
            return PythonBlock.checked(data)
        keeper = Keeper(self._store)
        data["code"] = keeper.blob(_MEDIA_TYPE, code).data
        if keeper.failure is not None:
            outcomes["block"] = keeper.failure
        return PythonBlock.checked(data)

    def _contents(self) -> dict[str, str | None]:
        """Return the inputs' content, but none for what earlier cells left: it isn't recorded, so there is no key."""
        return {**super()._contents(), "(variables of the notebook)": None}


class CellCapture:
    """What takes ``%%capture_job`` off a cell before IPython parses it, and begins and ends the cell's job.

    Parameters
    ----------
    shell : `InteractiveShell`
    """

    has_side_effects = True
    """Let IPython's console see the line: after one, it waits for an empty line before it runs a cell."""

    def __init__(self, shell: InteractiveShell) -> None:
        self._shell = shell
        self._next: CapturedCell | None = None
        self._called: CapturedCell | None = None
        self._running: list[CapturedCell] = []

    def load(self) -> None:
        """Take part in what the shell does."""
        self._shell.input_transformers_cleanup.append(self)
        self._shell.events.register("pre_run_cell", self.begin)
        self._shell.events.register("post_run_cell", self.end)
        self._shell.register_magic_function(self.capture_job, "cell", _NAME)

    def unload(self) -> None:
        """Let go of the shell."""
        self._shell.input_transformers_cleanup.remove(self)
        self._shell.events.unregister("pre_run_cell", self.begin)
        self._shell.events.unregister("post_run_cell", self.end)
        del self._shell.magics_manager.magics["cell"][_NAME]

    def capture_job(self, line: str, cell: str) -> None:
        """Record the cell as a job.

        %%capture_job [--job-id ID] [--input PATH]... [--output PATH]... [--config FILE]... [--store PATH]
                      [-o VARIABLE] [NAME]

        NAME is for people. Input and output files are recorded by digest, configuration files are kept. With ``-o``
        (or ``--as``), the variable is given the job: for `envcap.diff`, `replay.plan` and the like.

        Examples
        --------
        ::

            %%capture_job --job-id night-12 --input raw.fits --output coadd.fits -o job
            reduce("raw.fits", "coadd.fits")
        """
        # Only a line that is wrong comes here, and a call by name: a notebook that was made a script has such calls.
        self._called = self._cell(line, cell)
        self._shell.run_cell(cell).raise_error()

    def __call__(self, lines: list[str]) -> list[str]:
        """Return the lines of a cell without ``%%capture_job``; with it, if something is wrong with it."""
        self._next = None
        parts = _parts(lines)
        if parts is None:
            return lines
        line, body = parts
        try:
            self._next = self._cell(self._shell.var_expand(line, _NO_FRAME), "".join(body))
        except UsageError:
            return lines
        # Line numbers stay what people see; another magic must be the first line.
        return cell_magic(body) if body[0].startswith("%%") else ["\n"] * (len(lines) - len(body)) + body

    def begin(self, info: ExecutionInfo) -> None:
        """Begin the job of the cell that was just parsed, if it asks for one."""
        cell = self._called or self._next
        self._called = self._next = None
        if cell is not None:
            cell.raw = info.raw_cell
            self._running.append(cell)
            cell.__enter__()

    def end(self, result: ExecutionResult | None) -> None:
        """End the job of a cell that is over, and show it."""
        # There is no result of a cell that was cancelled.
        over = [cell for cell in self._running if result is None or cell.raw == result.info.raw_cell]
        if not over:
            return
        cell = over[-1]
        self._running.remove(cell)
        error = KeyboardInterrupt() if result is None else result.error_before_exec or result.error_in_exec
        cell.__exit__(type(error) if error else None, error, None)
        found = cell.found()
        if cell.leave_in:
            self._shell.user_ns[cell.leave_in] = found
        if found is not None:
            display(found)

    def _cell(self, line: str, code: str) -> CapturedCell:
        """Return the job that a line asks for.

        Raises
        ------
        UsageError
            IPython's, which is shown as one line.
        """
        if not code.strip():
            raise UsageError(f"{_LINE}: the cell has no code")
        try:
            return CapturedCell(code, _parser().parse_args(shlex.split(line)))
        except (UsageError, EnvcapError, ValueError) as err:
            raise UsageError(f"{_LINE}: {err}; '{_LINE}?' shows how it is used") from err


def _parts(lines: Sequence[str]) -> tuple[str, list[str]] | None:
    """Return the options of a cell that begins with the magic, and the lines of code; `None` for any other cell."""
    word, _, options = (lines[0] if lines else "").partition(_LINE)
    if word or options[:1].strip():
        return None
    body = list(dropwhile(str.isspace, lines[1:]))
    return (options, leading_indent(body)) if body else None


def _parser() -> MagicArgumentParser:
    parser = MagicArgumentParser(prog=_LINE)
    parser.add_argument("--job-id")
    for option in ("--config", "--input", "--output"):
        parser.add_argument(option, action="append", default=[])
    parser.add_argument("--store")
    parser.add_argument("-o", "--as", dest="leave_in", metavar="VARIABLE", type=_variable)
    parser.add_argument("name", nargs="?", default="cell")
    return parser


def _variable(name: str) -> str:
    if not name.isidentifier() or keyword.iskeyword(name):
        raise ArgumentTypeError(f"{name!r} is no name of a variable")
    return name


def _absolute(paths: Sequence[str]) -> list[str]:
    return [os.path.abspath(os.path.expanduser(path)) for path in paths]
