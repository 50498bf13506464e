"""In a notebook: ``%load_ext sgd_doctor``, and ``%%sgd_doctor`` as the first line of the cell that trains."""

from __future__ import annotations

import argparse
import shlex
from typing import Any, NoReturn

from IPython.core.error import UsageError as CellUsageError

from sgd_doctor.api import watch
from sgd_doctor.errors import UsageError
from sgd_doctor.options import DEFAULT_BUDGET
from sgd_doctor.report import Report

NAME = "sgd_doctor"


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise CellUsageError(f"%%{NAME}: {message}")


def options() -> argparse.ArgumentParser:
    """What may stand behind ``%%sgd_doctor``."""
    parser = _Parser(prog=f"%%{NAME}", add_help=False, allow_abbrev=False)
    parser.add_argument("name", nargs="?", help="variable that gets the report")
    parser.add_argument("--steps", type=int, help="watch exactly so many optimizer steps")
    parser.add_argument("--budget", type=float, default=DEFAULT_BUDGET, help="seconds for the experiments")
    parser.add_argument("--no-probes", action="store_true", help="make no experiments")
    parser.add_argument("--select", default="", help="only these checks or families, separated by commas")
    parser.add_argument("--ignore", default="", help="not these checks or families")
    return parser


def load_ipython_extension(shell: Any) -> None:
    """Called by ``%load_ext sgd_doctor``."""

    def sgd_doctor(line: str, cell: str) -> Report:
        return diagnose_cell(shell, line, cell)

    sgd_doctor.__doc__ = f"Run the cell, watched, and show what keeps it from learning.\n\n{options().format_help()}"
    shell.register_magic_function(sgd_doctor, magic_kind="cell", magic_name=NAME)


def unload_ipython_extension(shell: Any) -> None:
    """Called by ``%unload_ext sgd_doctor``."""
    shell.magics_manager.magics["cell"].pop(NAME, None)


def diagnose_cell(shell: Any, line: str, cell: str) -> Report:
    """Run a cell as it would run without the magic, and diagnose the loop in it.

    An exception of the cell is shown as usual, and the report says what was found by then; so it does
    where the cell was interrupted.

    Raises:
        IPython.core.error.UsageError: the line of the magic cannot be used.
    """
    try:
        given = options().parse_args(shlex.split(line))
        watched = watch(
            steps=given.steps,
            budget=given.budget,
            probes=not given.no_probes,
            select=given.select,
            ignore=given.ignore,
        )
    except ValueError as error:  # an option of ours, or quotes that do not close
        raise CellUsageError(f"%%{NAME}: {error}") from None
    if given.name is not None and not given.name.isidentifier():
        raise CellUsageError(f"%%{NAME}: {given.name!r} is no name of a variable")
    failed: BaseException | None = None
    try:
        with watched:
            failed = _run(shell, cell)
            if failed is not None:
                raise failed
    except UsageError as error:
        raise CellUsageError(f"%%{NAME}: {error}") from None
    except BaseException as error:
        if error is not failed:
            raise
    if given.name is not None:
        shell.user_ns[given.name] = watched.report
    return watched.report


def _run(shell: Any, cell: str) -> BaseException | None:
    """Run the text under the magic, with the cell's own number and the line numbers that it shows.

    Returns:
        What ended it, already shown; None where it came to its end.
    """
    known = getattr(shell.compile, "_filename_map", None) or {}
    number, shell.execution_count = shell.execution_count, max(known.values(), default=shell.execution_count)
    try:
        # A comment in place of the magic's line, unless another magic has to stand first.
        result = shell.run_cell(cell if cell.lstrip().startswith("%%") else f"#\n{cell}")
    finally:
        shell.execution_count = number
    failed: BaseException | None = result.error_before_exec or result.error_in_exec
    return failed
