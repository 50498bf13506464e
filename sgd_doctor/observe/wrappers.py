"""The user's own model inside of what libraries wrap around it."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.parallel import DataParallel, DistributedDataParallel


def unwrapped(module: nn.Module) -> nn.Module:
    """The model whose parameters have the names that the user gave them (no ``module.``, no ``_orig_mod.``)."""
    while True:
        if isinstance(module, (DistributedDataParallel, DataParallel)):
            module = module.module
        elif isinstance(inner := _child(module, "_orig_mod"), nn.Module):
            module = inner
        else:
            return module


def class_name(model: nn.Module) -> str:
    """Name of the user's own class: FSDP2 puts one of its own before it."""
    kind = type(unwrapped(model))
    sharded = kind.__name__.startswith("FSDP") and len(kind.__bases__) == 2
    return kind.__bases__[1].__name__ if sharded else kind.__name__


def is_sharded(tensor: Tensor) -> bool:
    """Whether this process holds a part of the tensor only (a DTensor, as with FSDP2)."""
    return hasattr(tensor, "_local_tensor")


def local(tensor: Tensor) -> Tensor:
    """The part of a sharded tensor that this process holds: measuring the whole would talk to the other processes."""
    part = getattr(tensor, "_local_tensor", None)
    return part if isinstance(part, Tensor) else tensor


def _child(module: nn.Module, name: str) -> nn.Module | None:
    """A direct child; the table of a scripted module is no dictionary."""
    return module._modules[name] if name in module._modules else None  # noqa: SIM401
