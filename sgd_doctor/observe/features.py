"""Scales of the features that reach the first weight layer."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from sgd_doctor.observe.histograms import KeptRows
from sgd_doctor.observe.tensors import plain
from sgd_doctor.recording import Features

WEIGHT_LAYERS = (
    nn.Linear,
    nn.Bilinear,
    nn.modules.conv._ConvNd,
    nn.RNNBase,
    nn.RNNCellBase,
    nn.Embedding,
    nn.EmbeddingBag,
    nn.modules.batchnorm._NormBase,
    nn.LayerNorm,
    nn.GroupNorm,
    nn.MultiheadAttention,
)
MAX_FEATURES = 4096
MAX_BATCHES = 24
DISTINCT = 16


def feature_axis(layer: str, tensor: Tensor) -> int:
    """The axis along which features differ: channels for convolutions and norms, else the last."""
    if layer.startswith(("Conv", "conv", "BatchNorm", "InstanceNorm", "GroupNorm", "SyncBatchNorm")):
        return 1 if tensor.dim() > 1 else 0
    return tensor.dim() - 1


class FeatureStatistics:
    """Mean, standard deviation and range by feature, accumulated over batches."""

    def __init__(self, layer: str, source: str) -> None:
        self.layer, self.source = layer, source
        self.batches = self.count = 0
        self.mean: Tensor | None = None
        self.squares: Tensor | None = None
        self.low: Tensor | None = None
        self.high: Tensor | None = None
        self.integer = False
        self.distinct: int | None = None
        self.site = self.function_site = -1
        self.operand = 0
        self.function = ""
        self.from_data = True
        self.next_layer = ""
        self.sample: Tensor | None = None
        self.varies = False
        self.kept = KeptRows()

    @torch.no_grad()
    def add(self, tensor: Tensor) -> None:
        """Take in one batch; tensors that cannot be measured are passed over."""
        if not plain(tensor) or tensor.numel() == 0 or tensor.dim() == 0 or self.batches >= MAX_BATCHES:
            return
        self.from_data = self.from_data and not tensor.requires_grad
        self._compare(tensor.detach())
        self.integer = not tensor.is_floating_point()
        if self.integer or tensor.is_complex():
            self.batches += 1
            return
        axis = feature_axis(self.layer, tensor)
        rows = tensor.detach().movedim(axis, -1).reshape(-1, tensor.shape[axis])
        if rows.shape[1] > MAX_FEATURES:
            rows = rows[:, :: rows.shape[1] // MAX_FEATURES + 1]
        if rows.shape[0] > 65536:
            rows = rows[:: rows.shape[0] // 65536 + 1]
        if self.mean is not None and self.mean.shape[0] != rows.shape[1]:
            return
        if self.distinct is None:
            self.distinct = min(DISTINCT, int(torch.unique(rows.reshape(-1)[:65536]).numel()))
        self.kept.add(rows)
        self._merge(rows.double())

    def _compare(self, tensor: Tensor) -> None:
        """Look for a sample that differs from the first one of all; done with the first such sample."""
        if self.varies:
            return
        if self.sample is None:
            self.sample = tensor[0].clone()
        self.varies = tensor.shape[1:] != self.sample.shape or not bool((tensor == self.sample).all())

    def _merge(self, rows: Tensor) -> None:
        n, mean = rows.shape[0], rows.mean(0)
        squares = ((rows - mean) ** 2).sum(0)
        low, high = rows.amin(0), rows.amax(0)
        if self.mean is None or self.squares is None or self.low is None or self.high is None:
            self.mean, self.squares, self.low, self.high = mean, squares, low, high
        else:
            # Chan et al. (1979): merging means and squared deviations of two samples.
            delta, joint = mean - self.mean, self.count + n
            self.squares = self.squares + squares + delta**2 * (self.count * n / joint)
            self.mean = self.mean + delta * (n / joint)
            self.low, self.high = torch.minimum(self.low, low), torch.maximum(self.high, high)
        self.count += n
        self.batches += 1

    def freeze(self) -> Features:
        empty: list[float] = []
        known = self.mean is not None and self.squares is not None
        return Features(
            source=self.source,
            layer=self.layer,
            batches=self.batches,
            count=self.count,
            mean=_numbers(self.mean) if known else tuple(empty),
            std=_numbers((self.squares / max(1, self.count)).sqrt()) if known and self.squares is not None else (),
            minimum=_numbers(self.low),
            maximum=_numbers(self.high),
            integer=self.integer,
            distinct=self.distinct,
            site=self.site,
            function=self.function,
            function_site=self.function_site,
            operand=self.operand,
            input_is_data=self.from_data,
            next_layer=self.next_layer,
            varies=self.varies or self.batches == 0,
            sampled=self.kept.positions(),
            histograms=self._histograms(),
        )

    def _histograms(self) -> tuple[tuple[int, ...], ...]:
        if self.low is None or self.high is None:
            return ()
        return self.kept.histograms(self.low, self.high)


def _numbers(values: Tensor | None) -> tuple[float, ...]:
    """Values with what is not finite written as the largest float, so that JSON keeps it and no limit passes."""
    if values is None:
        return ()
    return tuple(torch.nan_to_num(values, nan=1e308, posinf=1e308, neginf=-1e308).tolist())


def first_tensor(args: tuple[Any, ...]) -> Tensor | None:
    """The first argument, if it is a tensor."""
    return args[0] if args and isinstance(args[0], Tensor) else None
