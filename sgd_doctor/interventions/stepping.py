"""Gradient clipping and optimizer state."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from sgd_doctor.interventions.base import Applier


class ClipGradients(Applier):
    """The norm of all gradients is cut to ``limit`` before each step."""

    def before_step(self, optimizer: Optimizer) -> None:
        gradients = [p.grad for g in optimizer.param_groups for p in g["params"] if p.grad is not None]
        if not gradients:
            return
        with torch.no_grad():
            norm = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(g.float()) for g in gradients]))
            factor = float(self.args["limit"]) / (float(norm) + 1e-6)
            if factor < 1:
                for gradient in gradients:
                    gradient.mul_(factor)
                self.applied += 1


class SkipClip(Applier):
    """Gradient clipping at the place is left out."""

    def skips_clip(self, site: int) -> bool:
        place = self.observer.sites._places[site] if site >= 0 else None
        hit = place is not None and place[0] == self.args["path"] and place[1] == self.args["line"]
        self.applied += hit
        return hit


class KeepOptimizerState(Applier):
    """A new optimizer of the same kind goes on with the state that the one before it had for each parameter."""

    def __init__(self, args: dict[str, Any]) -> None:
        super().__init__(args)
        self._states: dict[str, dict[Tensor, dict[str, Any]]] = {}

    def before_step(self, optimizer: Optimizer) -> None:
        known = self._states.setdefault(type(optimizer).__name__, {})
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                if parameter in known and parameter not in optimizer.state:
                    optimizer.state[parameter] = known[parameter]
                    self.applied += 1

    def after_step(self, optimizer: Optimizer) -> None:
        self._states.setdefault(type(optimizer).__name__, {}).update(optimizer.state)
