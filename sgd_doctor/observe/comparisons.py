"""Predictions that meet labels in a comparison: the arithmetic of a printed metric."""

from __future__ import annotations

import itertools
import math
from typing import Any

import torch
from torch import Tensor

from sgd_doctor.observe.tensors import plain
from sgd_doctor.signals import Comparison

COMPARING = {"eq", "__eq__", "ne", "__ne__"}
THRESHOLDS = {"gt", "__gt__", "ge", "__ge__"}
ROUNDING = {"round"}
NAMES = COMPARING | THRESHOLDS | ROUNDING
HALF = 0.5
MAX_PLACES = 64


class ComparisonRecorder:
    """Counts, by place, comparisons whose shapes or thresholds cannot be meant."""

    def __init__(self) -> None:
        self.found: dict[tuple[str, int], Comparison] = {}

    def meet(
        self, name: str, inputs: list[Tensor], derived: list[bool], args: tuple[Any, ...], site: int, loss: str
    ) -> None:
        """A function of :data:`NAMES` was called with something that depends on the model."""
        if name in COMPARING and len(inputs) == 2 and derived[0] != derived[1]:
            prediction, label = inputs if derived[0] else reversed(inputs)
            kind = misfit(tuple(prediction.shape), tuple(label.shape))
            if kind:
                self._add(kind, site, tuple(prediction.shape), tuple(label.shape), 0.0)
        elif loss == "binary_cross_entropy_with_logits" and len(inputs) == 1 and derived[0]:
            half = name in ROUNDING or (len(args) > 1 and args[1] == HALF)
            if half and (share := _between(inputs[0])):
                self._add("threshold", site, tuple(inputs[0].shape), (), share)

    def meet_error(self, output: Tensor, target: Tensor, site: int) -> None:
        """An error of the model is computed in an evaluation: nothing that is trained shows its shapes."""
        prediction, label = tuple(output.shape), tuple(target.shape)
        if misfit(prediction, label) == "outer":
            self._add("outer", site, prediction, label, 0.0)

    def _add(self, kind: str, site: int, first: tuple[int, ...], second: tuple[int, ...], share: float) -> None:
        old = self.found.get((kind, site))
        if old is None and len(self.found) >= MAX_PLACES:
            return
        calls = old.calls + 1 if old is not None else 1
        mean = share if old is None else old.share + (share - old.share) / calls
        self.found[kind, site] = Comparison(kind, site, first, second, calls, mean)

    def freeze(self) -> tuple[Comparison, ...]:
        return tuple(self.found.values())


def misfit(prediction: tuple[int, ...], label: tuple[int, ...]) -> str:
    """``single``: one prediction against many labels; ``outer``: each against all; else nothing."""
    if not prediction and label and max(label) > 1:
        return "single"
    ours, theirs = math.prod(prediction), math.prod(label)
    joint = math.prod(max(a, b) for a, b in itertools.zip_longest(prediction[::-1], label[::-1], fillvalue=1))
    # Against a list of classes the sizes differ: that is a one-hot code.
    return "outer" if ours == theirs and joint > ours else ""


@torch.no_grad()
def _between(values: Tensor) -> float:
    """Share of raw outputs between 0 and one half; 0 where all lie in [0, 1], as probabilities do."""
    if not plain(values) or not values.is_floating_point() or values.numel() == 0:
        return 0.0
    outside = bool(((values < 0) | (values > 1)).any())
    return float(((values > 0) & (values <= HALF)).double().mean()) if outside else 0.0
