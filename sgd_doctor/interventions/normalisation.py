"""Normalisation layers: statistics computed anew for an evaluation, or none that depend on the batch."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from sgd_doctor.interventions.base import Applier

BATCHES = 8
"""Latest training batches over which the statistics of an evaluation are averaged."""


class RecomputeStatistics(Applier):
    """BatchNorm is evaluated with the mean statistics of the latest training batches, under the present weights."""

    def __init__(self, args: dict[str, Any]) -> None:
        super().__init__(args)
        self._batches: dict[int, deque[tuple[Any, ...]]] = {}
        self._at: dict[int, int] = {}
        self._busy = False

    def before_forward(self, module: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...] | None:
        o = self.observer
        if self._busy or o.in_backward or len(o.stack) != 1 or id(module) not in o.roots or not args:
            return None
        seen = self._batches.setdefault(id(module), deque(maxlen=BATCHES))
        if torch.is_grad_enabled():
            if module.training:
                seen.append(args)
        elif not module.training and seen and self._at.get(id(module)) != o.steps.count:
            self._at[id(module)] = o.steps.count
            self._recompute(module, seen)
        return None

    def _recompute(self, root: nn.Module, batches: deque[tuple[Any, ...]]) -> None:
        layers = [m for m in root.modules() if isinstance(m, _BatchNorm) and m.running_mean is not None]
        if not layers:
            return
        before = [(m.momentum, m.training) for m in layers]
        devices = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else []  # type: ignore[no-untyped-call]
        self._busy = True
        try:
            for layer in layers:
                layer.reset_running_stats()
                layer.momentum, layer.training = None, True
            with torch.random.fork_rng(devices=devices), torch.no_grad():
                for arguments in batches:
                    root(*arguments)
            self.applied += 1
        finally:
            self._busy = False
            for layer, (momentum, training) in zip(layers, before, strict=True):
                layer.momentum, layer.training = momentum, training


class PerSampleNorm(Applier):
    """BatchNorm normalises each sample on its own, over all its channels (Wu and He 2018, one group)."""

    needs_functions = True

    def rewrite(
        self, name: str, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Any] | None:
        if name != "batch_norm" or func is not nn.functional.batch_norm:
            return None
        values = dict(zip(("input", "running_mean", "running_var", "weight", "bias"), args, strict=False)) | kwargs
        source = values.get("input")
        if not isinstance(source, Tensor) or source.dim() < 2 or source[0].numel() < 2:
            return None
        self.applied += 1
        eps = float(values.get("eps", args[7] if len(args) > 7 else 1e-5))
        return (nn.functional.group_norm(source, 1, values.get("weight"), values.get("bias"), eps),)
