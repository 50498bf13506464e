"""Training without an optimizer: ``p.data -= lr * p.grad``, updates in hooks, new leaves every step."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from sgd_doctor.observe.tensors import foreach_norms, plain, sample_view, total

TRIES = 4096
"""Backward calls after which a loop whose weights never moved is no longer compared."""


class ManualSteps:
    """Compares the leaves of the loss between backward calls."""

    def __init__(self) -> None:
        self.possible = True
        self.moved = 0
        self.row: dict[str, float] = {}
        self._leaves: list[Tensor] = []
        self._before: list[Tensor] = []
        self._calls = 0

    def compare(self, leaves: Sequence[Tensor]) -> dict[str, float] | None:
        """The row of a step that the user made by hand since the last call, or None."""
        usable = [t for t in leaves if plain(t) and t.is_floating_point() and t.numel()][:256]
        self._calls += 1
        row = None
        if self._before and not self.moved and self._calls > TRIES:
            self.possible = False
        if self._before:
            row = self._change(usable)
        self._leaves = usable
        with torch.no_grad():
            self._before = [sample_view(t).clone() for t in usable]
        return row

    def _change(self, now: list[Tensor]) -> dict[str, float] | None:
        if len(now) != len(self._before):
            return None
        with torch.no_grad():
            change = [
                float(torch.linalg.vector_norm(sample_view(t).float() - old.float()))
                if t.shape == was.shape
                else math.nan
                for t, was, old in zip(now, self._leaves, self._before, strict=True)
            ]
        moved, norm = total(change), total(foreach_norms(self._before))
        if moved == 0:
            return None
        self.moved += 1
        return {"update_ratio": moved / norm if norm else math.nan, "weight_norm": norm}

    def after_backward(self) -> None:
        grads = [t.grad for t in self._leaves if t.grad is not None]
        self.row["grad_norm"] = total(foreach_norms(grads))

    def take(self) -> dict[str, float]:
        row, self.row = self.row, {}
        return row
