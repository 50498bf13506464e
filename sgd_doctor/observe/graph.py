"""The leaves that a loss depends on, by walking its autograd graph."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

MAX_NODES = 20_000


def graph_leaves(loss: Tensor) -> list[Tensor]:
    """Leaf tensors that receive a gradient from ``loss``, in the order in which the walk meets them."""
    found: list[Tensor] = []
    start = loss.grad_fn
    if start is None:
        return [loss] if loss.requires_grad else []
    seen: set[Any] = {start}
    queue: list[Any] = [start]
    while queue and len(seen) < MAX_NODES:
        node = queue.pop()
        variable = getattr(node, "variable", None)
        if isinstance(variable, Tensor) and not freed(variable):
            found.append(variable)
        for child, _ in node.next_functions:
            if child is not None and child not in seen:
                seen.add(child)
                queue.append(child)
    return found


def freed(tensor: Tensor) -> bool:
    """Whether the values are gone for now, as those of a sharded parameter between its uses."""
    return bool(tensor.numel()) and tensor.layout is torch.strided and not tensor.untyped_storage().nbytes()
