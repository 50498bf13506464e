"""Small training tasks that ``learning_rate.py`` and ``differential.py`` share: data, model, loss, and the plain loop.

Everything is scikit-learn's bundled data or generated from fixed seeds; a full run takes a second or two on one core.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from sklearn import datasets
from torch import Tensor, nn

STEPS = 600
NOT_FINITE = 10.0


@dataclass(frozen=True)
class Task:
    """Data, model and loss.  ``loss`` takes outputs and targets."""

    name: str
    inputs: Tensor
    targets: Tensor
    model: Callable[[], nn.Module]
    loss: Callable[[Tensor, Tensor], Tensor] = F.cross_entropy
    batch: int = 32

    @property
    def trivial(self) -> float:
        """Loss of the best constant predictor."""
        if self.targets.is_floating_point():
            return float((self.targets - self.targets.mean(0)).square().mean())
        labels = self.targets.flatten()
        share = torch.bincount(labels[labels >= 0]).float()
        share = share[share > 0] / share.sum()
        return float(-(share * share.log()).sum())

    def batches(self, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Shuffled batches without end."""
        generator = torch.Generator().manual_seed(seed)
        while True:
            order = torch.randperm(len(self.inputs), generator=generator)
            for chosen in order.split(self.batch):
                if len(chosen) == min(self.batch, len(order)):
                    yield self.inputs[chosen], self.targets[chosen]


def run(task: Task, lr: float, momentum: float, seed: int, steps: int = STEPS) -> list[float]:
    """Losses of a plain run at a constant lr; it ends where the loss is not finite."""
    torch.manual_seed(seed)
    model = task.model()
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=momentum)
    losses: list[float] = []
    for _, (x, y) in zip(range(steps), task.batches(seed), strict=False):
        optimizer.zero_grad()
        loss = task.loss(model(x), y)
        losses.append(loss.item())
        if not math.isfinite(losses[-1]):
            break
        loss.backward()
        optimizer.step()
    return losses


def bounded(task: Task, losses: list[float], steps: int = STEPS) -> float:
    """How a run ended, in units of the trivial loss: linear below 1, logarithmic above, mean of its last fifth."""
    worst = NOT_FINITE * max(task.trivial, losses[0] if math.isfinite(losses[0]) else task.trivial)
    tail = np.asarray(losses[-max(steps // 5, 1) :])
    end = float(tail.mean()) if len(losses) >= steps and np.isfinite(tail).all() else worst
    ratio = min(end, worst) / task.trivial
    return ratio if ratio <= 1 else 1 + math.log(ratio)


def mlp(*sizes: int, act: type[nn.Module] = nn.ReLU) -> nn.Sequential:
    """Linear layers with an activation between them."""
    layers: list[nn.Module] = []
    for a, b in itertools.pairwise(sizes):
        layers += [nn.Linear(a, b), act()]
    return nn.Sequential(*layers[:-1])


def he_mlp(*sizes: int) -> nn.Sequential:
    """A deep ReLU stack that He initialisation makes trainable."""
    model = mlp(*sizes)
    for layer in model:
        if isinstance(layer, nn.Linear):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)
    return model


def conv(norm: bool) -> nn.Sequential:
    """Two convolutions on 8 × 8 images."""
    first: list[nn.Module] = [nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 12, 3, padding=1)]
    second: list[nn.Module] = [nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(12, 24, 3, padding=1)]
    last: list[nn.Module] = [nn.ReLU(), nn.Flatten(), nn.Linear(24 * 16, 10)]
    norms: list[list[nn.Module]] = [[nn.BatchNorm2d(12)], [nn.BatchNorm2d(24)]] if norm else [[], []]
    return nn.Sequential(*first, *norms[0], *second, *norms[1], *last)


class Recurrent(nn.Module):
    """LSTM whose last state answers."""

    def __init__(self, inputs: int, width: int, outputs: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(inputs, width, batch_first=True)
        self.head = nn.Linear(width, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(N, T, C) to (N, outputs)."""
        return self.head(self.lstm(x)[0][:, -1])


class Decoder(nn.Module):
    """One causal transformer block on tokens."""

    def __init__(self, tokens: int, length: int, width: int = 32) -> None:
        super().__init__()
        self.embed = nn.Embedding(tokens, width)
        self.place = nn.Parameter(0.02 * torch.randn(length, width))
        self.block = nn.TransformerEncoderLayer(width, 2, 4 * width, 0.0, batch_first=True, norm_first=True)
        self.head = nn.Linear(width, tokens)
        self.register_buffer("mask", nn.Transformer.generate_square_subsequent_mask(length))

    def forward(self, x: Tensor) -> Tensor:
        """(N, T) tokens to (N, V, T) logits."""
        return self.head(self.block(self.embed(x) + self.place, src_mask=self.mask)).transpose(1, 2)


def floats(values: object) -> Tensor:
    """A float32 tensor."""
    return torch.tensor(np.asarray(values), dtype=torch.float32)


def labels(values: object) -> Tensor:
    """An int64 tensor."""
    return torch.tensor(np.asarray(values), dtype=torch.long)


def standardised(values: Tensor) -> Tensor:
    """Zero mean and unit variance in each column."""
    return (values - values.mean(0)) / values.std(0).clamp_min(1e-6)


def images() -> list[Task]:
    """Handwritten digits, with several models."""
    data = datasets.load_digits()
    x, y = floats(data.data / 16.0), labels(data.target)
    noisy = y[:100].clone()
    noisy[::3] = torch.randint(0, 10, (34,), generator=torch.Generator().manual_seed(1))
    return [
        Task("digits mlp", x, y, lambda: mlp(64, 128, 10)),
        Task("digits cnn", x, y, lambda: conv(False)),
        Task("digits conv+bn", x, y, lambda: conv(True)),
        Task("digits deep he", x, y, lambda: he_mlp(64, *[64] * 9, 10)),
        Task("digits autoencoder", x, x, lambda: mlp(64, 64, 8, 64, 64), F.mse_loss),
        Task("100 noisy labels", x[:100], noisy, lambda: mlp(64, 256, 256, 10), batch=20),
    ]


def tables() -> list[Task]:
    """Standardised tables and points in the plane."""
    wine, cancer, diabetes = datasets.load_wine(), datasets.load_breast_cancer(), datasets.load_diabetes()
    points, side = datasets.make_moons(800, noise=0.25, random_state=0)
    random = np.random.RandomState(4)
    angle, arm = np.sqrt(random.rand(600)) * 2.2 * np.pi, random.randint(0, 2, 600)
    spiral = np.c_[angle * np.cos(angle + np.pi * arm), angle * np.sin(angle + np.pi * arm)] / 3
    linear = standardised(floats(random.randn(800, 10)))
    value = linear @ floats(random.randn(10, 1)) + 0.1 * floats(random.randn(800, 1))
    return [
        Task("wine", standardised(floats(wine.data)), labels(wine.target), lambda: mlp(13, 32, 3), batch=16),
        Task("breast cancer", standardised(floats(cancer.data)), labels(cancer.target), lambda: mlp(30, 32, 2)),
        Task(
            "diabetes",
            standardised(floats(diabetes.data)),
            standardised(floats(diabetes.target[:, None])),
            lambda: mlp(10, 32, 1),
            F.mse_loss,
        ),
        Task("linear regression", linear, standardised(value), lambda: nn.Linear(10, 1), F.mse_loss),
        Task("moons", floats(points), labels(side), lambda: mlp(2, 32, 2)),
        Task("spirals", floats(spiral + 0.08 * random.randn(600, 2)), labels(arm), lambda: mlp(2, 64, 64, 2)),
    ]


def sequences() -> list[Task]:
    """Recall with an LSTM, copying and a Markov source with a small transformer."""
    random = np.random.RandomState(5)
    tokens = random.randint(0, 4, (2000, 8))
    word = random.randint(1, 8, (3000, 5))
    copied = np.c_[word, np.zeros((3000, 1), int), word]
    wanted = copied[:, 1:].copy()
    wanted[:, :5] = -100
    chances = random.dirichlet(np.ones(12) * 0.15, size=(12, 12))
    text = [0, 1]
    for _ in range(12_000):
        text.append(random.choice(12, p=chances[text[-2], text[-1]]))
    windows = np.lib.stride_tricks.sliding_window_view(np.asarray(text), 17)[::4]
    return [
        Task("lstm recall", floats(np.eye(4)[tokens]), labels(tokens[:, -3]), lambda: Recurrent(4, 24, 4)),
        Task("transformer copy", labels(copied[:, :-1]), labels(wanted), lambda: Decoder(8, 10)),
        Task("transformer text", labels(windows[:, :-1]), labels(windows[:, 1:]), lambda: Decoder(12, 16)),
    ]


def build() -> list[Task]:
    """All tasks."""
    return [*images(), *tables(), *sequences()]
