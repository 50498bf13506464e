"""What every part of the observer shares: its observer, and that an error of ours never ends the user's run."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

import torch

from sgd_doctor.observe.tensors import modes, unseen

if TYPE_CHECKING:
    from sgd_doctor.observe.observer import Observer

_F = TypeVar("_F", bound=Callable[..., Any])
_no_function_modes = torch._C.DisableTorchFunction
GUARDED = 3
"""Frames of ours on the stack of a guarded method that a function of :mod:`sgd_doctor.observe.hooks` calls."""


class Part:
    """One aspect of a watched run; what several of them need to know stands in the observer."""

    def __init__(self, observer: Observer) -> None:
        self.observer = observer


def guarded(method: _F) -> _F:
    """An error of ours becomes a note in the report, never the end of the user's run.

    What the method, one of a :class:`Part`, itself calls of torch stays out of the trace, and out of
    sight of the user's own modes.
    """

    @wraps(method)
    def safe(self: Part, *args: Any) -> Any:
        tracer = self.observer.tracer
        before, tracer.paused = tracer.paused, True
        try:
            with _no_function_modes():
                if not modes():  # what follows costs as much as many a method
                    return method(self, *args)
                with unseen():
                    return method(self, *args)
        except Exception as error:
            self.observer.fail(f"{method.__qualname__} failed: {type(error).__name__}: {error}")
            return None
        finally:
            tracer.paused = before

    return safe  # type: ignore[return-value]  # same signature, seen through wraps


def power_of_two(number: int) -> bool:
    """Whether things that are looked at ever more rarely are looked at this time."""
    return number & (number - 1) == 0
