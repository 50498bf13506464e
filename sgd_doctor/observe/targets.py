"""What the outputs are compared with, by batch and over all batches; see :class:`sgd_doctor.signals.Targets`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from sgd_doctor.observe.histograms import KeptRows
from sgd_doctor.observe.tensors import plain, thinned
from sgd_doctor.signals import Batch, Targets

if TYPE_CHECKING:
    from sgd_doctor.observe.tasks import Pair

MAX_BATCHES = 64
MAX_DISTINCT = 17
MAX_LABELS = 1024
LEAK_SAMPLES, MAX_SAMPLES, MAX_FEATURES = 16, 4096, 4096
EXACT = 1 - 1e-9


class TargetRecorder:
    """Range, labels and predictions of the batches that were looked at."""

    def __init__(self) -> None:
        self.shapes: tuple[tuple[int, ...], tuple[int, ...]] = ((), ())
        self.low, self.high = math.inf, -math.inf
        self.total = self.squares = 0.0
        self.values = 0
        self.integer = True
        self.distinct: set[float] = set()
        self.batches: list[Batch] = []
        self.leak: dict[int, int] = {}
        self.leak_batches = 0
        self.kept = KeptRows()

    @torch.no_grad()
    def add(self, step: int, output: Tensor, target: Tensor, pair: Pair, features: Tensor | None) -> None:
        """Take in one batch."""
        if len(self.batches) >= MAX_BATCHES or not plain(target) or target.numel() == 0 or target.is_complex():
            return
        self.shapes = (tuple(target.shape), tuple(output.shape))
        values = thinned(target).double()
        self.low, self.high = min(self.low, float(values.min())), max(self.high, float(values.max()))
        self.total += float(values.sum())
        self.squares += float((values * values).sum())
        self.values += values.numel()
        self.kept.add(values.reshape(-1, 1))
        self.integer = self.integer and bool((values == values.round()).all())
        if len(self.distinct) < MAX_DISTINCT:
            self.distinct.update(torch.unique(values[:65536])[:MAX_DISTINCT].tolist())
        self.batches.append(_batch(step, output.detach(), target, pair))
        if pair.kind in ("class", "binary") and features is not None:
            self.look_for_leak(features, target)

    def look_for_leak(self, features: Tensor, target: Tensor) -> None:
        """A single feature that equals the label, up to an affine change."""
        if features.dim() != 2 or target.dim() not in (1, 2) or target.numel() != len(features):
            return
        if not LEAK_SAMPLES <= len(features) <= MAX_SAMPLES or not 2 <= features.shape[1] <= MAX_FEATURES:
            return
        x, y = features.detach().double(), target.reshape(-1).double()
        x, y = x - x.mean(0), y - y.mean()
        scale = x.norm(dim=0) * y.norm()
        if not float(y.norm()) > 0:
            return
        self.leak_batches += 1
        exact = ((x.T @ y).abs() > EXACT * scale) & (scale > 0)
        for index in exact.nonzero().reshape(-1)[:8].tolist():
            self.leak[index] = self.leak.get(index, 0) + 1

    def leaking_feature(self) -> int | None:
        return next((i for i, n in self.leak.items() if n == self.leak_batches and n > 2), None)

    def freeze(self, labels: Mapping[int, int]) -> Targets:
        if not self.values:
            return Targets()
        mean = self.total / self.values
        variance = self.squares / self.values - mean * mean
        return Targets(
            shape=self.shapes[0],
            output_shape=self.shapes[1],
            minimum=_finite(self.low),
            maximum=_finite(self.high),
            mean=_finite(mean),
            std=_finite(math.sqrt(max(0.0, variance)) if math.isfinite(variance) else math.nan),
            integer=self.integer,
            distinct=tuple(sorted(v for v in self.distinct if math.isfinite(v))[:MAX_DISTINCT]),
            counts={str(k): int(v) for k, v in list(labels.items())[:MAX_LABELS]},
            histogram=self._histogram(),
            batches=tuple(self.batches),
        )

    def _histogram(self) -> tuple[int, ...]:
        low, high = torch.tensor([[self.low], [self.high]], dtype=torch.float64, device="cpu")
        return next(iter(self.kept.histograms(low, high)), ())


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _batch(step: int, output: Tensor, target: Tensor, pair: Pair) -> Batch:
    """Labels and predictions of one batch; the spread of an output that is not finite is the largest float."""
    samples = int(output.shape[0]) if output.dim() else 1
    spread = float(output.double().std(0).mean()) if output.is_floating_point() and samples > 1 else 0.0
    spread = spread if math.isfinite(spread) else 1e308
    if pair.kind == "class" and not target.is_floating_point() and output.dim() > 1:
        values, counts = torch.unique(target.reshape(-1), return_counts=True)
        shares = counts.double() / counts.sum()
        entropy, label = float(-(shares * shares.log()).sum()), int(values[counts.argmax()])
        guesses = output.argmax(1).reshape(-1)
    elif pair.kind == "binary":
        p = float((target.reshape(-1) > 0.5).double().mean())
        entropy = -sum(q * math.log(q) for q in (p, 1 - p) if q > 0)
        label = int(p > 0.5)
        guesses = (output.reshape(-1) > pair.threshold).long()
    else:
        return Batch(step, samples, None, None, None, None, spread)
    common, numbers = torch.unique(guesses, return_counts=True)
    share = float(numbers.max() / numbers.sum())
    return Batch(step, samples, entropy, label, int(common[numbers.argmax()]), share, spread)
