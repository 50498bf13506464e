"""What is measured of the operands of a traced operation."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from sgd_doctor.observe.tensors import (
    class_dim,
    plain,
    rows_are_log_probabilities,
    rows_are_probabilities,
    thinned,
)
from sgd_doctor.recording import Operand

DISTINCT_LIMIT = 4096


def dim_of(args: tuple[Any, ...], kwargs: dict[str, Any]) -> int | None:
    """The dimension that a function was asked to work along."""
    value = kwargs.get("dim", args[1] if len(args) > 1 else None)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


@torch.no_grad()
def identical(inputs: list[Tensor]) -> bool:
    """Whether the first two operands are, and stay, the same."""
    if len(inputs) < 2 or inputs[0].shape != inputs[1].shape or not all(plain(t) for t in inputs[:2]):
        return False
    if inputs[0] is inputs[1]:
        return True
    # Two branches that learn may well agree at first; two that do not learn never change that.
    return inputs[0].numel() > 1 and not any(t.requires_grad for t in inputs[:2]) and torch.equal(inputs[0], inputs[1])


@torch.no_grad()
def measured(base: Operand, tensor: Tensor) -> Operand:
    """``base`` with the statistics of ``tensor``."""
    values = thinned(tensor)
    reals = values.float()
    low, high = (float(v) for v in reals.aminmax())
    small = values.numel() <= DISTINCT_LIMIT
    whole = tensor.numel() == values.numel()
    return Operand(
        shape=base.shape,
        dtype=base.dtype,
        derived=base.derived,
        parameter=base.parameter,
        origin=base.origin,
        foreign=base.foreign,
        lost=base.lost,
        minimum=_number(low),
        maximum=_number(high),
        mean=_number(float(reals.mean())),
        std=_number(float(reals.std(unbiased=False))),
        row_sums_to_one=whole and rows_are_probabilities(tensor),
        distinct=int(torch.unique(values).numel()) if small else None,
        log_rows=whole and rows_are_log_probabilities(tensor),
        row_sums=_row_sums(tensor) if whole else None,
        base=base_shape(tensor),
    )


def base_shape(tensor: Tensor) -> tuple[int, ...]:
    """Shape of the tensor that this one is a view of, where it shows all of it."""
    base = tensor._base
    return tuple(base.shape) if base is not None and base.numel() == tensor.numel() else ()


def _row_sums(tensor: Tensor) -> tuple[float, float] | None:
    if not tensor.is_floating_point() or tensor.dim() < 2:
        return None
    low, high = (float(v) for v in tensor.detach().float().sum(class_dim(tensor)).aminmax())
    return (low, high) if low - low == 0 and high - high == 0 else None


def _number(value: float) -> float | None:
    return value if value - value == 0 else None
