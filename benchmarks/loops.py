"""The loops on which the cost of watching is measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

Loader = DataLoader[tuple[Tensor, ...]]


class Beside(Protocol):
    """A tool that is called by lines in the loop."""

    def before_forward(self) -> None: ...
    def after_backward(self, loss: float, inputs: Any, target: Any) -> None: ...
    def after_step(self, loss: float, lr: float) -> None: ...


class Run:
    """Trains for a number of steps: one batch again and again, or epoch after epoch of the loader."""

    def __init__(
        self, model: nn.Module, x: Tensor | None = None, y: Tensor | None = None, loader: Loader | None = None
    ) -> None:
        self.model, self.x, self.y, self.loader = model, x, y, loader
        self.optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)
        self.criterion = nn.CrossEntropyLoss()
        self.beside: Beside | None = None

    def __call__(self, steps: int) -> None:
        train = self._train if self.beside is None else self._train_beside
        if self.x is not None and self.y is not None:
            for _ in range(steps):
                train(self.x, self.y)
        while self.loader is not None and steps > 0:
            for inputs, targets in self.loader:
                train(inputs, targets)
                steps -= 1
                if not steps:
                    break

    def _train(self, inputs: Tensor, targets: Tensor) -> None:
        self.optimizer.zero_grad()
        self.criterion(self.model(inputs), targets).backward()
        self.optimizer.step()

    def _train_beside(self, inputs: Tensor, targets: Tensor) -> None:
        assert self.beside is not None
        self.beside.before_forward()
        self.optimizer.zero_grad()
        loss = self.criterion(self.model(inputs), targets)
        loss.backward()
        self.beside.after_backward(loss.item(), inputs, targets)
        self.optimizer.step()
        self.beside.after_step(loss.item(), self.optimizer.param_groups[0]["lr"])


@dataclass(frozen=True)
class Loop:
    """A loop: ``steps`` are timed at a time, and ``target`` is the ratio that is wanted."""

    name: str
    build: Callable[[], Run]
    steps: int
    target: float


class Residual(nn.Module):
    """Two 3 x 3 convolutions beside a shortcut, as in ResNet-18."""

    def __init__(self, inside: int, outside: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(inside, outside, 3, stride, 1, bias=False), nn.BatchNorm2d(outside), nn.ReLU(inplace=True),
            nn.Conv2d(outside, outside, 3, 1, 1, bias=False), nn.BatchNorm2d(outside),
        )  # fmt: skip
        same = stride == 1 and inside == outside
        self.shortcut = (
            nn.Identity()
            if same
            else nn.Sequential(nn.Conv2d(inside, outside, 1, stride, bias=False), nn.BatchNorm2d(outside))
        )
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.relu(self.body(x) + self.shortcut(x))
        return result


def mlp_model() -> nn.Module:
    """64 - 128 - 128 - 10."""
    return nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 10))


def mlp() -> Run:
    """A small MLP on as many numbers as the digits of scikit-learn have, through a loader with batches of 64."""
    torch.manual_seed(0)
    data = TensorDataset(torch.rand(1797, 64), torch.randint(0, 10, (1797,)))
    model = mlp_model()
    return Run(model, loader=DataLoader(data, batch_size=64, shuffle=True))


def bare_mlp() -> Run:
    """The same on one batch that is at hand: nothing but the step itself, the worst case for any observer."""
    torch.manual_seed(0)
    return Run(mlp_model(), torch.rand(64, 64), torch.randint(0, 10, (64,)))


def cnn() -> Run:
    """A small CNN, batch 32 of 28 x 28."""
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(32 * 49, 10),
    )  # fmt: skip
    return Run(model, torch.randn(32, 1, 28, 28), torch.randint(0, 10, (32,)))


def resnet() -> Run:
    """The blocks of ResNet-18, batch 8 of 64 x 64."""
    torch.manual_seed(0)
    widths = [(64, 64, 1)] * 2 + [w for n in (128, 256, 512) for w in ((n // 2, n, 2), (n, n, 1))]
    model = nn.Sequential(
        nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1),
        *(Residual(*w) for w in widths), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 10),
    )  # fmt: skip
    return Run(model, torch.randn(8, 3, 64, 64), torch.randint(0, 10, (8,)))


def transformer() -> Run:
    """A transformer of 4 layers, width 256, 128 tokens, batch 8: where real work starts."""
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(256, 4, 1024, dropout=0.0, batch_first=True)
    model = nn.Sequential(nn.TransformerEncoder(layer, 4), nn.Flatten(), nn.Linear(256 * 128, 10))
    return Run(model, torch.randn(8, 128, 256), torch.randint(0, 10, (8,)))


LOOPS = (
    Loop("(a) MLP on digits", mlp, 400, 1.20),
    Loop("(a') one batch only", bare_mlp, 600, 1.20),
    Loop("(b) small CNN", cnn, 60, 1.05),
    Loop("(c) ResNet-18-like", resnet, 6, 1.03),
    Loop("(d) transformer", transformer, 6, 1.03),
)
"""In the order of their time a step."""
