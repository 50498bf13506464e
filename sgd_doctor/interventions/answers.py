"""A measurement in place of a change: does an output depend on the input that gives its answer away?"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from sgd_doctor.interventions.base import Applier
from sgd_doctor.observe.pool import outputs


class LookAhead(Applier):
    """Exchanges, in the middle of one batch, the tokens that are the answers, and looks at the outputs there.

    ``argument``, ``shift``, ``axis``: as of :class:`sgd_doctor.signals.Answers`.  Leaves the largest change, in
    standard deviations of the outputs, in ``observer.signals.look_ahead``; nothing where the model takes more than its
    positional arguments, or gives no output for each position.
    """

    def meets(self, root: nn.Module, args: tuple[Any, ...], target: Tensor, name: str) -> None:
        signals = self.observer.signals
        number, shift, axis = (int(self.args[key]) for key in ("argument", "shift", "axis"))
        if signals.look_ahead is not None or len(args) <= number:
            return
        tokens = args[number]
        place = (tokens.shape[axis] - shift) // 2
        changed = tokens.clone()
        changed.select(axis, place + shift).copy_(_others(tokens.select(axis, place + shift), tokens))
        made = outputs([(root, args), (root, (*args[:number], changed, *args[number + 1 :]))])
        first, second = made or (None, None)
        if first is None or second is None or first.dim() != 3 or first.shape[:2] != tokens.shape:
            return
        moved = (first.select(axis, place) - second.select(axis, place)).abs().max()
        self.applied += 1
        signals.look_ahead = float(moved / first.std().clamp_min(1e-12))


def _others(wanted: Tensor, known: Tensor) -> Tensor:
    """For each token another one that occurs in the batch."""
    values: Tensor = torch.unique(known)
    return values[(torch.searchsorted(values, wanted.contiguous()) + 1) % len(values)]
