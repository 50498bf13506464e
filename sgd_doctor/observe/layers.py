"""The layers of a model as they were initialised."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from sgd_doctor.observe.tensors import plain, thinned
from sgd_doctor.signals import Layer, SharedModule

LOOKUPS = (nn.Embedding, nn.EmbeddingBag, nn.LayerNorm, nn.GroupNorm, nn.modules.batchnorm._NormBase)
"""Layers whose weights are rows of a table, or scales: equal ones are usual there."""
MAX_ROWS = 64


@torch.no_grad()
def layers_of(root: nn.Module, prefix: str, site_of: Callable[[nn.Module, Tensor], int], limit: int) -> Iterator[Layer]:
    """The layers with a weight matrix below ``root``, at most ``limit``."""
    for name, module in root.named_modules():
        if limit <= 0:
            return
        weights = [(n, p) for n, p in module.named_parameters(recurse=False) if p.dim() > 1 and _usable(p)]
        if not weights or isinstance(module, LOOKUPS):
            continue
        limit -= 1
        weight = max((p for _, p in weights), key=lambda p: p.numel())
        path = prefix + name if name else type(module).__name__
        yield _layer(path, module, weight, any(p.requires_grad for _, p in weights), site_of)


def repeated(
    root: nn.Module, name_of: Callable[[nn.Module], str], built_at: Callable[[nn.Module], int]
) -> Iterator[SharedModule]:
    """Layers with parameters that one container below ``root`` holds several times."""
    for container in root.modules():
        places = Counter(id(child) for child in container._modules.values() if child is not None)
        for child in dict.fromkeys(c for c in container._modules.values() if c is not None):
            if places[id(child)] > 1 and next(child.parameters(), None) is not None:
                yield SharedModule(type(child).__name__, name_of(container), places[id(child)], built_at(child))


def has_mode(module: nn.Module) -> bool:
    """Whether the layer itself works differently in training and in evaluation."""
    if isinstance(module, nn.RNNBase):
        return module.dropout > 0 and module.num_layers > 1
    if isinstance(module, nn.MultiheadAttention):
        return bool(module.dropout > 0)
    return type(module).__name__.startswith(("BatchNorm", "Dropout", "AlphaDropout", "SyncBatchNorm"))


def _usable(parameter: Tensor) -> bool:
    return plain(parameter) and parameter.is_floating_point() and parameter.numel() > 1


def _layer(
    name: str,
    module: nn.Module,
    weight: nn.Parameter,
    trainable: bool,
    site_of: Callable[[nn.Module, Tensor], int],
) -> Layer:
    fan_in = max(1, weight[0].numel())
    if getattr(module, "transposed", False):
        fan_in = max(1, weight.numel() // weight.shape[1])
    rms = float(thinned(weight).double().square().mean().sqrt())
    rows = weight[:MAX_ROWS]
    bias = getattr(module, "bias", None)
    return Layer(
        name=name,
        kind=type(module).__name__,
        shape=tuple(weight.shape),
        site=site_of(module, weight),
        trainable=trainable,
        std=rms if math.isfinite(rms) else 1e308,
        usual=1.0 / math.sqrt(3.0 * fan_in),
        equal_rows=len(rows) > 1 and bool((rows[1:] == rows[:1]).all()),
        zero=not bool(weight.any()),
        constant=weight.numel() > 1 and bool((weight == weight.reshape(-1)[0]).all()),
        bias=_mean(bias) if isinstance(bias, Tensor) else None,
        bias_site=site_of(module, bias) if isinstance(bias, Tensor) else -1,
    )


def _mean(values: Tensor) -> float | None:
    mean = float(values.detach().double().mean()) if plain(values) and values.numel() else math.nan
    return mean if math.isfinite(mean) else None
