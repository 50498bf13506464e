"""What the callers of the Python interface gave, checked before anything runs."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from sgd_doctor.errors import UsageError
from sgd_doctor.options import Options, chosen_checks

Names = str | Sequence[str]


def options_of(*, select: Names, ignore: Names, **others: Any) -> Options:
    """The options of a diagnosis.

    Raises:
        UsageError: one of them cannot be used as it is.
    """
    try:
        options = Options(select=names(select), ignore=names(ignore), **others)
    except UsageError as error:
        raise UsageError(_as_arguments(str(error))) from None
    except TypeError as error:
        raise UsageError(f"an argument is of the wrong type: {error}") from None
    chosen_checks(options)
    return options


def _as_arguments(text: str) -> str:
    """A message about command-line options as one about arguments."""
    return text.removeprefix("--")


def names(given: Names) -> tuple[str, ...]:
    """Names given one by one or in one text, separated by commas."""
    parts = given.split(",") if isinstance(given, str) else given
    return tuple(str(part).strip() for part in parts if str(part).strip())


def refuse(given: Sequence[str], what: str) -> None:
    """These arguments go with a model, and the first one is something else."""
    if given:
        raise UsageError(f"{given[0]} goes with a model, and the first argument is {what}")


def require_no_arguments(function: Callable[..., object], name: str) -> None:
    """A function that is to be diagnosed is called without arguments."""
    try:
        inspect.signature(function).bind()
    except TypeError as error:
        raise UsageError(f"{name}() must work without arguments ({error}); wrap it in a lambda") from None
    except ValueError:  # a function of C that tells no signature
        return
    if inspect.iscoroutinefunction(function):
        raise UsageError(f"{name}() is a coroutine function: give a plain one that runs it")
