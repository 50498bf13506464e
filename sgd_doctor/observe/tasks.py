"""The task metric: how well outputs match targets, by a measure that no change of the loss alters."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from sgd_doctor.observe.tensors import plain, rows_are_log_probabilities, rows_are_probabilities

CLASS_LOSSES = {"cross_entropy", "nll_loss", "multi_margin_loss"}
BINARY_LOSSES = {"binary_cross_entropy", "binary_cross_entropy_with_logits"}
REAL_LOSSES = {"mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"}
LOSS_FUNCTIONS = (
    CLASS_LOSSES
    | BINARY_LOSSES
    | REAL_LOSSES
    | {
        "kl_div",
        "poisson_nll_loss",
        "gaussian_nll_loss",
        "multilabel_soft_margin_loss",
        "ctc_loss",
        "hinge_embedding_loss",
        "cosine_embedding_loss",
        "margin_ranking_loss",
        "soft_margin_loss",
        "triplet_margin_loss",
        "triplet_margin_with_distance_loss",
        "multilabel_margin_loss",
    }
)
IGNORE_INDEX = -100
MAX_LABELS = 4096


@dataclass
class Pair:
    """One batch of outputs with the targets that they met in the loss."""

    kind: str
    loss: float
    accuracy: float | None
    samples: int
    balanced_error: float | None = None
    """Estimate of 1 - recall, averaged over the classes seen so far (1 - balanced accuracy)."""
    threshold: float = 0.0
    """Output above which a binary prediction is positive."""


@dataclass
class TargetStatistics:
    """Running statistics of the targets, for the loss of the best constant predictor."""

    counts: dict[int, int] = field(default_factory=dict)
    count: int = 0
    mean: float = 0.0
    squares: float = 0.0
    classes: int = 0

    def copy(self) -> TargetStatistics:
        return replace(self, counts=dict(self.counts))

    def add(self, kind: str, target: Tensor, classes: int) -> None:
        self.classes = max(self.classes, classes)
        if kind == "class":
            values, counts = torch.unique(target.reshape(-1), return_counts=True)
            for value, number in zip(values.tolist(), counts.tolist(), strict=True):
                if value != IGNORE_INDEX and (value in self.counts or len(self.counts) < MAX_LABELS):
                    self.counts[value] = self.counts.get(value, 0) + number
            return
        values = target.detach().double().reshape(-1)
        if values.numel() == 0:
            return
        # Chan et al. (1979): merging means and squared deviations of two samples.
        n, m = values.numel(), float(values.mean())
        delta, joint = m - self.mean, self.count + n
        self.squares += float(((values - m) ** 2).sum()) + delta * delta * self.count * n / joint
        self.mean += delta * n / joint
        self.count = joint

    def trivial_loss(self, kind: str) -> float | None:
        """Loss of the best constant predictor: label entropy, or the variance of the targets."""
        if kind == "class":
            joint = sum(self.counts.values())
            return _entropy([c / joint for c in self.counts.values()]) if joint else None
        if not self.count:
            return None
        if kind == "binary":
            return _entropy([self.mean, 1 - self.mean])
        return self.squares / self.count

    def shares(self, kind: str) -> dict[int, float]:
        """Share of each class that was seen so far."""
        if kind == "binary":
            return {k: p for k, p in ((0, 1 - self.mean), (1, self.mean)) if p > 0}
        joint = sum(self.counts.values())
        return {k: c / joint for k, c in self.counts.items() if c}

    def std(self) -> float | None:
        return math.sqrt(self.squares / self.count) if self.count else None


def _entropy(shares: list[float]) -> float:
    return -sum(p * math.log(p) for p in shares if p > 0)


def kind_of(output: Tensor, target: Tensor, loss_name: str) -> str:
    """class, binary or real; empty where output and target do not fit each other."""
    if loss_name in CLASS_LOSSES or (not target.is_floating_point() and output.dim() >= 2 and output.shape[1] > 1):
        return "class" if output.dim() >= 1 and output.numel() and _fits_classes(output, target) else ""
    if output.numel() != target.numel():
        return ""
    if loss_name in BINARY_LOSSES:
        return "binary"
    if loss_name == "kl_div" and output.shape == target.shape and output.dim() > 1 and output.shape[1] > 1:
        return "class"
    return "real"


def _fits_classes(output: Tensor, target: Tensor) -> bool:
    if target.is_floating_point():
        return output.shape == target.shape
    wanted = output.shape[:1] + output.shape[2:] if output.dim() > 1 else output.shape[:0]
    return tuple(target.shape) == tuple(wanted)


@torch.no_grad()
def measure(output: Tensor, target: Tensor, loss_name: str, statistics: TargetStatistics) -> Pair | None:
    """Task loss and accuracy of one batch, or None where it cannot be told.

    Classes: negative log-likelihood of the probabilities that the output stands for (logits,
    probabilities and log-probabilities are told apart by their values).  Binary: the same for one
    probability.  Real targets: mean squared error of element against element.
    """
    if not plain(output) or not plain(target) or output.is_complex() or target.is_complex():
        return None
    kind = kind_of(output, target, loss_name)
    if not kind:
        return None
    output, target = output.detach().float(), target.detach()
    samples = int(output.shape[0]) if output.dim() else 1
    balanced, threshold = None, 0.0
    if kind == "class":
        loss, accuracy = _classes(output, target, statistics)
        if not target.is_floating_point() and output.dim() > 1:
            balanced = _balanced_error(output.argmax(1), target, statistics.shares(kind))
    elif kind == "binary":
        loss, accuracy = _binary(output.reshape(-1), target.float().reshape(-1), loss_name)
        statistics.add(kind, target.float(), 2)
        threshold = 0.5 if loss_name == "binary_cross_entropy" else 0.0
        balanced = _balanced_error((output > threshold).long(), (target > 0.5).long(), statistics.shares(kind))
    else:
        loss, accuracy = float(F.mse_loss(output.reshape(-1), target.float().reshape(-1))), None
        statistics.add(kind, target.float(), 0)
    return Pair(kind, loss, accuracy, samples, balanced, threshold)


def _balanced_error(guesses: Tensor, target: Tensor, shares: dict[int, float]) -> float | None:
    """1 - balanced accuracy, estimated from one batch: each wrong sample weighs the inverse of its class's share.

    The mean over batches is that of all samples, also where most batches lack the rare classes (Horvitz and
    Thompson, 1952).
    """
    guesses, target = guesses.reshape(-1), target.reshape(-1)
    kept = target != IGNORE_INDEX
    count = int(kept.sum())
    if not count or not shares:
        return None
    values, counts = torch.unique(target[kept & (guesses != target)], return_counts=True)
    wrong = zip(values.tolist(), counts.tolist(), strict=True)
    return math.fsum(n / (count * shares[v]) for v, n in wrong if shares.get(v)) / len(shares)


def _classes(output: Tensor, target: Tensor, statistics: TargetStatistics) -> tuple[float, float | None]:
    if rows_are_log_probabilities(output):
        logs = output
    elif rows_are_probabilities(output):
        logs = output.clamp_min(1e-12).log()
    else:
        logs = output.log_softmax(1 if output.dim() > 1 else 0)
    if target.is_floating_point():
        target = target.exp() if rows_are_log_probabilities(target) else target
        return float(-(target * logs).sum(1).mean()), float((logs.argmax(1) == target.argmax(1)).float().mean())
    classes = logs.shape[1] if logs.dim() > 1 else logs.shape[0]
    statistics.add("class", target, classes)
    inside = bool(((target >= 0) & (target < classes) | (target == IGNORE_INDEX)).all())
    if not inside:
        return math.nan, None
    loss = float(F.nll_loss(logs, target.long(), ignore_index=IGNORE_INDEX))
    hits = logs.argmax(1 if logs.dim() > 1 else 0) == target
    return loss, float(hits.float().mean())


def _binary(output: Tensor, target: Tensor, loss_name: str) -> tuple[float, float]:
    inside = bool(((output >= 0) & (output <= 1)).all())
    if loss_name == "binary_cross_entropy" or (inside and loss_name != "binary_cross_entropy_with_logits"):
        probability = output.clamp(1e-7, 1 - 1e-7)
        loss = float(F.binary_cross_entropy(probability, target.clamp(0, 1)))
        return loss, float(((output > 0.5) == (target > 0.5)).float().mean())
    loss = float(F.binary_cross_entropy_with_logits(output, target.clamp(0, 1)))
    return loss, float(((output > 0) == (target > 0.5)).float().mean())
