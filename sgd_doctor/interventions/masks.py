"""Masks of attention layers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from sgd_doctor.interventions.base import Applier
from sgd_doctor.observe.padding import ATTENTION, left_out


class InvertPaddingMask(Applier):
    """Attention sees what its padding mask left out, and the other way round; rows of one kind alone are all seen."""

    needs_functions = True

    def rewrite(
        self, name: str, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Any] | None:
        mask = kwargs.get("key_padding_mask")
        if name != ATTENTION or not isinstance(mask, Tensor):
            return None
        hidden = ~left_out(mask)
        hidden = hidden & ~hidden.all(dim=-1, keepdim=True)
        changed = hidden
        if mask.is_floating_point():
            changed = torch.zeros_like(mask).masked_fill(hidden, -math.inf)
        return self.call(name, func, args, kwargs | {"key_padding_mask": changed})
