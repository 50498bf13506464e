"""Standardised features, on the fly."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from sgd_doctor.interventions.base import Applier
from sgd_doctor.observe.features import feature_axis

MIN_STD = 1e-8
"""Constant features are centred but not blown up."""


def standardise(tensor: Tensor, mean: list[float], std: list[float], axis: int) -> Tensor | None:
    """``(x - mean) / std`` along ``axis``, or None where the sizes differ."""
    if not tensor.is_floating_point() or tensor.shape[axis] != len(mean):
        return None
    shape = [1] * tensor.dim()
    shape[axis] = len(mean)
    centre = torch.tensor(mean, dtype=torch.float64, device=tensor.device).reshape(shape)
    scale = torch.tensor([s if s > MIN_STD else 1.0 for s in std], dtype=torch.float64, device=tensor.device)
    return ((tensor.double() - centre) / scale.reshape(shape)).to(tensor.dtype)


class StandardiseInputs(Applier):
    """What reaches the first weight layer gets mean 0 and standard deviation 1 by feature.

    The statistics come from the observed run, so that training and evaluation see the same change.
    """

    def before_forward(self, module: torch.nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...] | None:
        o = self.observer
        if not args or not isinstance(args[0], Tensor) or o.in_backward or not self._is_first(module):
            return None
        axis = feature_axis(type(module).__name__, args[0])
        changed = standardise(args[0], self.args["mean"], self.args["std"], axis)
        if changed is None:
            return None
        self.applied += 1
        return (changed, *args[1:])

    def _is_first(self, module: torch.nn.Module) -> bool:
        first = self.observer.first_layer
        if first is not None:
            return module is first or self._is_first_again(module, first)
        return self.observer.module_names.get(id(module)) == self.args.get("module")

    def _is_first_again(self, module: torch.nn.Module, first: torch.nn.Module) -> bool:
        """Whether it has that place in a model that was built anew (for each fold, for each seed)."""
        names = self.observer.module_names
        again = names.get(id(module), "").endswith(f".{names.get(id(first), '')}")
        return (
            again
            and type(module) is type(first)
            and [p.shape for p in module.parameters()] == [p.shape for p in first.parameters()]
        )


class StandardiseBatches(StandardiseInputs):
    """What reaches the first weight layer gets mean 0 and standard deviation 1, batch by batch."""

    def before_forward(self, module: torch.nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...] | None:
        o = self.observer
        if not args or not isinstance(args[0], Tensor) or o.in_backward or not self._is_first(module):
            return None
        if not args[0].is_floating_point():
            return None
        values = args[0].double()
        spread = values.std().clamp_min(torch.finfo(torch.float64).tiny)
        self.applied += 1
        return (((values - values.mean()) / spread).to(args[0].dtype), *args[1:])


class MatchEvaluation(StandardiseInputs):
    """Evaluation batches are given the mean and standard deviation that training batches have, by feature.

    Those that look like training batches already (a script may evaluate on its training data as well) stay as they are.
    """

    def before_forward(self, module: torch.nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...] | None:
        o = self.observer
        if not args or not isinstance(args[0], Tensor) or not o.evaluating or not self._is_first(module):
            return None
        axis = feature_axis(type(module).__name__, args[0])
        plain = standardise(args[0], self.args["eval_mean"], self.args["eval_std"], axis)
        trained = standardise(args[0], self.args["mean"], self.args["std"], axis)
        if plain is None or trained is None:
            return None
        if unlikely(plain, self.args["eval_std"], axis) > unlikely(trained, self.args["std"], axis):
            return None
        shape = [1] * plain.dim()
        shape[axis] = -1
        mean = torch.tensor(self.args["mean"], dtype=plain.dtype, device=plain.device).reshape(shape)
        std = torch.tensor(self.args["std"], dtype=plain.dtype, device=plain.device).reshape(shape)
        self.applied += 1
        return (plain * std + mean, *args[1:])


def unlikely(standardised: Tensor, std: list[float], axis: int) -> float:
    """How far values are from independent Gaussian features: the median over these of the negative log-likelihood.

    Args:
        standardised: the values, less the mean and over the deviation of each feature.
        std: these deviations.
        axis: along which features differ.
    """
    others = [d for d in range(standardised.dim()) if d != axis]
    squares = standardised.double().square()
    distance = squares.mean(dim=others) if others else squares
    scale = torch.tensor([max(s, MIN_STD) for s in std], dtype=torch.float64, device=standardised.device)
    return float((distance / 2 + scale.log()).median())
