"""A small model in the middle of its training, and a fingerprint of everything that training changes."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(7)
X = torch.randn(256, 6)
Y = (X[:, 0] - X[:, 1] > 0).long()


class Setup:
    """Model with running statistics and dropout, momentum, a loader with a generator; three steps were made."""

    def __init__(self, lr: float = 0.1, optimizer: type[torch.optim.Optimizer] = torch.optim.SGD, **more: Any) -> None:
        torch.manual_seed(1)
        self.model = nn.Sequential(
            nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.1), nn.Linear(16, 2)
        )  # fmt: skip
        self.loss_fn = nn.CrossEntropyLoss()
        self.loader = DataLoader(
            TensorDataset(X, Y), batch_size=32, shuffle=True, generator=torch.Generator().manual_seed(3), **more
        )
        chosen: dict[str, Any] = {"momentum": 0.9} if optimizer is torch.optim.SGD else {}
        self.optimizer = optimizer(self.model.parameters(), lr=0.01, **chosen)
        for _ in range(3):
            self.loss_fn(self.model(X[:32]), Y[:32]).backward()
            self.optimizer.step(lambda: torch.tensor(0.0))
        self.optimizer.param_groups[0]["lr"] = lr
        self.model[3].eval()  # a mode that train() on the whole would change
        self.model[0].weight.requires_grad_(False)
        self.model.calls = [1, 2]

    @property
    def parts(self) -> tuple[Any, ...]:
        return self.model, self.loader, self.optimizer, self.loss_fn


def fingerprint(setup: Setup) -> dict[str, Any]:
    """All that a training changes, as plain values; floats by their bits."""
    model, optimizer = setup.model, setup.optimizer
    return {
        "tensors": {n: bits(t) for n, t in (*model.named_parameters(), *model.named_buffers())},
        "objects": [id(t) for t in (*model.parameters(), *model.buffers())],
        "gradients": {n: bits(p.grad) for n, p in model.named_parameters()},
        "wanted": {n: p.requires_grad for n, p in model.named_parameters()},
        "modes": {n: m.training for n, m in model.named_modules()},
        "attributes": [sorted(vars(m)) for m in model.modules()],
        "calls": list(model.calls),
        "state": plain(list(optimizer.state.values())),
        "groups": plain(optimizer.param_groups),
        "optimizer": sorted(vars(optimizer)),
        **random_states(setup.loader.generator),
    }


def random_states(generator: torch.Generator) -> dict[str, Any]:
    """The state of every source of random numbers."""
    return {
        "generator": bits(generator.get_state()),
        "torch": bits(torch.get_rng_state()),
        "numpy": plain(list(np.random.get_state(legacy=True))),
        "random": random.getstate(),
    }


def plain(value: Any) -> Any:
    """Containers with their tensors and arrays as bytes."""
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, np.ndarray):
        return value.tobytes()
    return bits(value) if isinstance(value, Tensor) else value


def bits(tensor: Tensor | None) -> bytes | None:
    return None if tensor is None else tensor.detach().contiguous().numpy().tobytes()


def next_batches(setup: Setup) -> list[bytes | None]:
    """What the loader gives next."""
    return [bits(t) for _, batch in zip(range(3), setup.loader, strict=False) for t in batch]
