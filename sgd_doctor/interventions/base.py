"""What an intervention can do to a running loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch.optim import Optimizer

if TYPE_CHECKING:
    from sgd_doctor.observe.manual import ManualSteps
    from sgd_doctor.observe.observer import Observer
    from sgd_doctor.recording import HeldOut


class Applier:
    """One named change.  The observer calls these while the user's own loop runs.

    Attributes:
        applied: how often the change was really made; 0 at the end means that it found nothing to act on.
        touches_data: whether what loaders read is another than in the watched run.
        needs_functions: whether :meth:`rewrite` has to see every torch function (slower).
    """

    touches_data = False
    needs_functions = False

    def __init__(self, args: dict[str, Any]) -> None:
        self.args = args
        self.applied = 0

    def bind(self, observer: Observer) -> None:
        """Called once before the loop goes on."""
        self.observer = observer

    def before_step(self, optimizer: Optimizer) -> None:
        """Before the optimizer reads gradients and hyperparameters."""

    def after_step(self, optimizer: Optimizer) -> None:
        """After the optimizer has stepped."""

    def after_manual_step(self, steps: ManualSteps) -> None:
        """The user's own update, without any optimizer, was found before the next backward pass."""

    def before_backward(self, loss: torch.Tensor) -> None:
        """Before gradients of ``loss`` are computed."""

    def after_backward(self) -> None:
        """After gradients have been accumulated."""

    def skips_zero_grad(self, optimizer: Optimizer | None, site: int) -> bool:
        """Whether a ``zero_grad`` called from ``site`` is left out."""
        return False

    def skips_clip(self, site: int) -> bool:
        """Whether gradient clipping called from ``site`` is left out."""
        return False

    def skips_scheduler(self, scheduler: Any, site: int) -> bool:
        """Whether a scheduler's ``step`` is left out."""
        return False

    def before_forward(self, module: torch.nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...] | None:
        """Other arguments for a module's forward, or None."""
        return None

    def meets(self, root: torch.nn.Module, args: tuple[Any, ...], target: torch.Tensor, name: str) -> None:
        """The outputs of ``root(*args)`` met their target in the loss function ``name``."""

    def held_out(self) -> HeldOut | None:
        """At the end of the run: what the model scores on data that this change kept out of the training."""
        return None

    def call(self, name: str, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any]:
        """Call what :meth:`rewrite` changed, and let the tracer see that call."""
        result = func(*args, **kwargs)
        self.applied += 1
        self.observer.tracer._note(name, args, kwargs, result)
        return (result,)

    def rewrite(
        self, name: str, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Any] | None:
        """A torch function's other result in a 1-tuple, or None."""
        return None
