"""Small measurements of tensors that never change them, consume no random numbers and build no graph."""

from __future__ import annotations

import dataclasses
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import _disable_current_modes

from sgd_doctor.observe.wrappers import is_sharded, local

SAMPLE = 1024
"""Elements of each tensor by which its change in a step is judged."""
MAX_ELEMENTS = 1 << 20
"""Statistics of larger tensors are taken from an evenly spaced sample."""
_ORDINARY = Tensor.__torch_dispatch__
_UNMODED: AbstractContextManager[Any] = nullcontext()
innermost_transform = torch._C._functorch.peek_interpreter_stack
"""The function transform (``vmap``, ``grad``, ``jvp``) that runs; None where none does."""
modes = torch._C._len_torch_dispatch_stack
"""How many dispatch modes of the user's are active."""


def transformed() -> bool:
    """Whether a function transform (``vmap``, ``grad``, ``jvp``) runs: values in it are stand-ins, not numbers."""
    return innermost_transform() is not None


def unseen() -> AbstractContextManager[Any]:
    """What is computed within stays out of sight of the user's own dispatch modes (counters, loggers, fakes)."""
    return _disable_current_modes() if modes() else _UNMODED


def first_floating(value: Any) -> Tensor | None:
    """The first tensor of real numbers in what a model returned."""
    return next((t for t in tensors_in(value) if t.is_floating_point()), None)


def tensors_in(value: Any, depth: int = 3) -> Iterator[Tensor]:
    """The tensors in nested lists, tuples, mappings and dataclasses."""
    if isinstance(value, Tensor):
        yield value
    elif depth <= 0:
        return
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from tensors_in(item, depth - 1)
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from tensors_in(item, depth - 1)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            yield from tensors_in(getattr(value, field.name, None), depth - 1)


def plain(tensor: Tensor) -> bool:
    """Whether ordinary arithmetic on the values works: strided, on a real device, no stand-in for something else."""
    return (
        tensor.layout is torch.strided
        and not tensor.is_quantized
        and not tensor.is_nested
        and tensor.device.type != "meta"
        and type(tensor).__torch_dispatch__ is _ORDINARY
    )


def stand_in(tensor: Tensor) -> bool:
    """Whether a tensor has a shape and no values: on the meta device, or a fake one of a tracer."""
    if tensor.is_meta or type(tensor) is Tensor:
        return tensor.is_meta
    return isinstance(tensor, getattr(sys.modules.get("torch._subclasses.fake_tensor"), "FakeTensor", ()))


def is_leaf(tensor: Tensor) -> bool:
    """``tensor.is_leaf``; False for a view made without gradients of something that was changed (torch refuses)."""
    try:
        return tensor.is_leaf
    except RuntimeError:
        return False


def storable(value: float) -> float:
    """JSON has no infinity: what is not finite becomes the largest float, which no limit passes."""
    return value if math.isfinite(value) else 1e308


def shape_of(tensor: Tensor) -> tuple[int, ...]:
    """The shape in plain numbers; -1 where a size is a symbol or differs from row to row (nested tensors)."""
    if tensor.is_nested:
        return (-1,) * tensor.dim()
    return tuple(size if type(size) is int else -1 for size in tensor.shape)


def thinned(tensor: Tensor, limit: int = MAX_ELEMENTS) -> Tensor:
    """A flat view (or copy) of at most about ``limit`` evenly spaced elements."""
    flat = local(tensor.detach()).reshape(-1)
    return flat[:: max(1, flat.numel() // limit)] if flat.numel() > limit else flat


def sample_view(parameter: Tensor) -> Tensor:
    """A strided view of about :data:`SAMPLE` elements that follows in-place changes, whatever the memory format."""
    data = local(parameter.detach())
    if data.is_contiguous():
        return data.view(-1)[:: max(1, data.numel() // SAMPLE)]
    while data.numel() > 2 * SAMPLE:
        longest = max(range(data.dim()), key=data.size)
        data = data[(slice(None),) * longest + (slice(None, None, 2),)]
    return data


def uniform(tensors: Sequence[Tensor]) -> bool:
    """Whether one kernel can take all of them."""
    kinds = {(t.dtype, t.device, t.layout) for t in tensors}
    return len(kinds) == 1 and plain(tensors[0]) and tensors[0].is_floating_point()


def foreach_norms(tensors: list[Tensor]) -> list[float]:
    """Euclidean norms in one transfer; sparse and unusual tensors one by one."""
    return norms_of(tensors, uniform(tensors))


def device_norms(tensors: list[Tensor]) -> list[Tensor]:
    """Euclidean norms of :func:`uniform` tensors, left on their device."""
    with torch.no_grad():
        return list(torch._foreach_norm([local(t.detach()) for t in tensors]))


def device_maxima(tensors: list[Tensor]) -> list[Tensor]:
    """Largest absolute values, left on the tensors' device: not finite where any value is not."""
    with torch.no_grad():
        return list(torch._foreach_norm(tensors, math.inf)) if tensors else []


def norms_of(tensors: list[Tensor], alike: bool) -> list[float]:
    """The same where it is known already whether the tensors are :func:`uniform`."""
    if not tensors:
        return []
    if is_sharded(tensors[0]):
        tensors = [local(t) for t in tensors]
    if tensors[0].requires_grad and torch.is_grad_enabled():  # what the norms are would be recorded, too
        with torch.no_grad():
            return norms_of(tensors, alike)
    if alike:
        try:
            norms = torch._foreach_norm(tensors)
            # One transfer from a device; in main memory stacking costs more than it saves.
            found: list[float] = [n.item() for n in norms] if norms[0].is_cpu else torch.stack(norms).tolist()
            return found
        except RuntimeError:  # they no longer are: moved apart, or sparse by now
            pass
    return [_norm(t.detach()) for t in tensors]


def _norm(tensor: Tensor) -> float:
    if tensor.is_sparse:
        tensor = tensor.coalesce().values()
    if not plain(tensor) or tensor.numel() == 0:
        return 0.0
    return float(
        torch.linalg.vector_norm(tensor.detach().to(torch.complex64 if tensor.is_complex() else torch.float32))
    )


def total(norms: Sequence[float]) -> float:
    """The norm of the concatenation; NaN and infinity are kept."""
    return math.hypot(*norms)


def all_finite(tensor: Tensor) -> bool:
    """Whether every value is finite; tensors without ordinary values count as finite."""
    tensor = local(tensor)
    if not (tensor.is_floating_point() or tensor.is_complex()) or not plain(tensor) or tensor.numel() == 0:
        return True
    return bool(torch.isfinite(tensor.detach().sum()).item()) or bool(torch.isfinite(tensor.detach()).all().item())


def class_dim(tensor: Tensor) -> int:
    """The dimension along which classes lie."""
    return 1 if tensor.dim() > 1 else 0


def rows_are_probabilities(tensor: Tensor) -> bool:
    """Whether values are non-negative and sum to 1 over the class dimension."""
    if not tensor.is_floating_point() or tensor.dim() == 0 or tensor.shape[class_dim(tensor)] < 2:
        return False
    values = tensor.detach().float()
    if values.numel() == 0 or not bool((values >= 0).all()):
        return False
    # 1e-2 leaves room for half precision; logits do not sum to one for every row.
    return bool(((values.sum(class_dim(tensor)) - 1).abs() < 1e-2).all())


def rows_are_log_probabilities(tensor: Tensor) -> bool:
    """Whether ``exp`` of the values sums to 1 over the class dimension."""
    if not tensor.is_floating_point() or tensor.dim() == 0 or tensor.shape[class_dim(tensor)] < 2:
        return False
    values = tensor.detach().float()
    if values.numel() == 0 or not bool((values <= 1e-4).all()):
        return False
    return bool((values.logsumexp(class_dim(tensor)).abs() < 1e-2).all())
