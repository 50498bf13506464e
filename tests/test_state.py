"""Snapshots: everything that training changes comes back, in the same objects and the same storage."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from sgd_doctor.run.state import Snapshot
from tests.training import Setup, X, Y, fingerprint, next_batches


def disturb(setup: Setup) -> None:
    """Change whatever can be changed."""
    setup.model.train()
    for x, y in setup.loader:
        setup.optimizer.zero_grad()
        setup.loss_fn(setup.model(x), y).backward()
        setup.optimizer.step(lambda: torch.tensor(0.0))
    setup.model.calls.append(3)
    setup.model.extra = 1
    setup.model[1].running_mean = torch.ones(16)
    setup.model[0].weight.requires_grad_(True)
    setup.model[4].weight.data = torch.zeros(2, 16)
    setup.optimizer.param_groups[0]["lr"] = 5.0
    setup.optimizer.param_groups.append({"params": [nn.Parameter(X[:1].clone())], "lr": 1.0})
    setup.optimizer.state.clear()
    torch.rand(3)


@pytest.mark.parametrize("kind", [torch.optim.SGD, torch.optim.Adam, torch.optim.LBFGS, torch.optim.Rprop])
def test_everything_comes_back_again_and_again(kind: type[torch.optim.Optimizer]) -> None:
    setup = Setup(0.1, kind)
    storages = [p.data_ptr() for p in setup.model.parameters()]
    view = setup.model[4].weight.data
    before = fingerprint(setup)
    snapshot = Snapshot([setup.model, setup.loss_fn], [setup.optimizer], [setup.loader])
    batches = next_batches(setup)
    for _ in range(2):
        disturb(setup)
        assert fingerprint(setup) != before
        snapshot.restore()
        assert fingerprint(setup) == before
        assert [p.data_ptr() for p in setup.model.parameters()] == storages
        assert next_batches(setup) == batches
    assert torch.equal(view, setup.model[4].weight)


def test_gradients_that_were_none_are_none_again() -> None:
    model = nn.Linear(6, 2)
    snapshot = Snapshot([model], [])
    nn.functional.cross_entropy(model(X), Y).backward()
    snapshot.restore()
    assert model.weight.grad is None


def test_shared_and_odd_tensors() -> None:
    model: Any = nn.Module()
    model.a = nn.Linear(3, 3)
    model.b = nn.Linear(3, 3)
    model.b.weight = model.a.weight
    model.register_buffer("wide", torch.ones(1).expand(4))
    model.register_buffer("sparse", torch.eye(3).to_sparse())
    model.lazy = nn.LazyLinear(2)
    model.own = model
    snapshot = Snapshot([model], [])
    before = model.a.weight.detach().clone()
    with torch.no_grad():
        model.b.weight.add_(1)
    snapshot.restore()
    assert torch.equal(model.a.weight, before)
    assert model.b.weight is model.a.weight
