"""Changes of the loop's calls."""

from __future__ import annotations

import random
import sys
from typing import TYPE_CHECKING, Any

import torch
from torch.optim import Optimizer

from sgd_doctor.interventions.base import Applier

if TYPE_CHECKING:
    from sgd_doctor.observe.manual import ManualSteps
    from sgd_doctor.observe.observer import Observer


def clear_gradients(optimizer: Optimizer) -> None:
    """Drop every gradient of the optimizer's parameters, without calling the user's ``zero_grad``."""
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            parameter.grad = None


class ZeroAfterStep(Applier):
    """Gradients are dropped after every optimizer step."""

    def after_step(self, optimizer: Optimizer) -> None:
        clear_gradients(optimizer)
        self.applied += 1

    def after_manual_step(self, steps: ManualSteps) -> None:
        steps.clear_gradients()
        self.applied += 1


class SkipZeroGrad(Applier):
    """A misplaced ``zero_grad`` is left out; gradients are dropped after the step instead."""

    def skips_zero_grad(self, optimizer: Optimizer | None, site: int) -> bool:
        place = self.observer.sites._places[site] if site >= 0 else None
        hit = place is not None and place[0] == self.args["path"] and place[1] == self.args["line"]
        self.applied += hit
        return hit

    def after_step(self, optimizer: Optimizer) -> None:
        clear_gradients(optimizer)


class StepAfterBackward(Applier):
    """Every optimizer steps and drops its gradients after each backward."""

    def after_backward(self) -> None:
        # The latest first: what it trains has no gradients left for one of an earlier stage.
        for state in sorted(self.observer.steps.optimizers.values(), key=lambda state: -state.number):
            optimizer = state.reference()
            if optimizer is not None:
                optimizer.step()
                clear_gradients(optimizer)
                self.applied += 1


class Reseed(Applier):
    """Other random numbers from here on: another data order, other dropout masks."""

    def bind(self, observer: Observer) -> None:
        super().bind(observer)
        seed: Any = int(self.args["seed"])
        torch.manual_seed(seed)
        random.seed(seed)
        numpy = sys.modules.get("numpy")
        if numpy is not None:
            numpy.random.seed(seed)
        self.applied += 1
