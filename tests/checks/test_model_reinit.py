"""model-reinit: named for each pass over one loader, advice where it may be meant, silent for finished folds."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.checks.cases import DATA, advised, fault, silent

NAME = "model-reinit"

ROUNDS = """
for epoch in range(10):
    {model}
    {optimizer}
    for step in range({steps}):
        i = batch(step)
        loss = F.cross_entropy(model(X[i]), two[i])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
MODEL = "model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 2))  # here"
SGD = "optimizer = torch.optim.SGD(model.parameters(), lr={lr}, momentum=0.9)"


def test_model_for_each_epoch_is_advice(tmp_path: Path) -> None:
    advised(tmp_path, DATA + ROUNDS.format(model=MODEL, optimizer=SGD.format(lr=0.02), steps=8), NAME)


LOADED = """
from torch.utils.data import DataLoader, TensorDataset
loader = DataLoader(TensorDataset(X, two), batch_size=40, shuffle=True)
for lr in {rates}:
    {model}
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)
    for x, y in loader:
        loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""


def test_model_for_each_pass_over_the_same_loader_is_named(tmp_path: Path) -> None:
    found = fault(tmp_path, DATA + LOADED.format(rates="[0.01] * 10", model=MODEL), NAME, steps=100)
    assert found.proof is not None
    assert (found.proof.treated or 1) < (found.proof.baseline or 0)


def test_model_for_each_pass_over_loaders_built_anew_is_named(tmp_path: Path) -> None:
    anew = LOADED.replace("in loader:", "in DataLoader(loader.dataset, batch_size=40, shuffle=True):")
    fault(tmp_path, DATA + anew.format(rates="[0.01] * 10", model=MODEL), NAME, steps=100)


def test_repeated_trainings_are_no_warning(tmp_path: Path) -> None:
    seeds = ROUNDS.replace("for epoch in range(10):", "for epoch in range(10):\n    torch.manual_seed(epoch)")
    advised(tmp_path, DATA + seeds.format(model=MODEL, optimizer=SGD.format(lr=0.02), steps=8), NAME)


FOLDS = """
from sklearn.model_selection import KFold
from torch.utils.data import DataLoader, Subset, TensorDataset
data = TensorDataset(X, two)
for kept, _ in KFold(8, shuffle=True, random_state=0).split(X):
    {model}
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    for x, y in DataLoader(Subset(data, kept), batch_size=40, shuffle=True):
        loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""


def test_one_pass_over_each_fold_is_advice(tmp_path: Path) -> None:
    advised(tmp_path, DATA + FOLDS.format(model=MODEL), NAME, steps=60)


def test_search_for_a_rate_is_advice(tmp_path: Path) -> None:
    rates = "[0.001, 0.003, 0.005, 0.01, 0.011, 0.012]"
    advised(tmp_path, DATA + LOADED.format(rates=rates, model=MODEL), NAME, steps=60)


HEALTHY = {
    "repaired": MODEL + "\n" + SGD.format(lr=0.02) + ROUNDS.format(model="", optimizer="", steps=8),
    "folds trained to their end (H43)": ROUNDS.format(model=MODEL, optimizer=SGD.format(lr=0.3), steps=30),
}


@pytest.mark.parametrize("kind", HEALTHY)
def test_healthy_pattern_is_left_in_peace(tmp_path: Path, kind: str) -> None:
    silent(tmp_path, DATA + HEALTHY[kind], NAME, steps=100)
