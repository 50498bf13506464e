"""Training without an optimizer: ``p.data -= lr * p.grad``, updates in hooks, new leaves every step."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from sgd_doctor.observe.reuse import Reuse
from sgd_doctor.observe.tensors import foreach_norms, plain, sample_view, total

TRIES = 4096
"""Backward calls after which a loop whose weights never moved is no longer compared."""


class ManualSteps:
    """Compares the leaves of the loss between backward calls."""

    def __init__(self) -> None:
        self.possible = True
        self.moved = 0
        self.still = 0
        """Backward calls in a row that found the very tensors of the call before, and none of them moved."""
        self.row: dict[str, float] = {}
        self._leaves: list[Tensor] = []
        self._before: list[Tensor] = []
        self._calls = 0
        self._norms: list[float] = []
        self._reuse = Reuse()

    def compare(self, leaves: Sequence[Tensor]) -> dict[str, float] | None:
        """The row of a step that the user made by hand since the last call, or None."""
        usable = [t for t in leaves if plain(t) and t.is_floating_point() and t.numel()][:256]
        self._calls += 1
        row = None
        if self._before and not self.moved and self._calls > TRIES:
            self.possible = False
        same = len(usable) == len(self._leaves) and all(a is b for a, b in zip(usable, self._leaves, strict=True))
        if self._before:
            row = self._change(usable)
        if not same:
            self._reuse = Reuse()
        elif row is not None:
            self._reuse.step_over(usable, usable, self._norms)
        self.still = self.still + 1 if same and row is None else 0
        self._leaves = usable
        self._reuse.before_backward(usable)
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
        held = [t for t in self._leaves if t.grad is not None]
        norms = foreach_norms([t.grad for t in held if t.grad is not None])
        live = dict(zip(map(id, held), norms, strict=True))
        self._norms = [live.get(id(t), 0.0) for t in self._leaves]
        self.row["grad_norm"] = total(norms)
        self.row["stale"] = self._reuse.share(self._leaves, held, norms)

    def clear_gradients(self) -> None:
        """Drop the gradients that the update by hand has used."""
        for tensor in self._leaves:
            tensor.grad = None

    def take(self) -> dict[str, float]:
        row, self.row = self.row, {}
        return row
