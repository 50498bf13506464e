"""Histograms of features and targets, against numpy."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from sgd_doctor.options import Options
from sgd_doctor.recording import Recording
from sgd_doctor.run.launch import Target
from tests import warm
from tests.helpers import write

torch = pytest.importorskip("torch")

SCRIPT = """
import torch
from torch import nn
torch.manual_seed(0)
x = torch.randn(240, 3) * torch.tensor([1.0, 50.0, 0.0]) + torch.tensor([0.0, 7.0, 2.0])
y = x[:, :1].exp()
net = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 1))
opt = torch.optim.Adam(net.parameters(), 1e-3)
for epoch in range(2):
    for i in range(0, 240, 60):
        loss = nn.functional.mse_loss(net(x[i : i + 60]), y[i : i + 60])
        opt.zero_grad(); loss.backward(); opt.step()
"""


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    path = write(tmp_path_factory.mktemp("histograms") / "train.py", SCRIPT)
    return warm.diagnose(Target("script", str(path)), Options(probes=False)).recording


def data() -> tuple[np.ndarray, np.ndarray]:
    torch.manual_seed(0)
    x = torch.randn(240, 3) * torch.tensor([1.0, 50.0, 0.0]) + torch.tensor([0.0, 7.0, 2.0])
    return x.double().numpy(), x[:, :1].exp().double().numpy()


def test_features_are_counted_between_their_bounds(recording: Recording) -> None:
    features, (x, _) = recording.facts.features, data()
    assert features is not None
    assert features.sampled == (0, 1, 2)
    for column in (0, 1):
        wanted = 2 * np.histogram(x[:, column], bins=len(features.histograms[column]))[0]  # two epochs
        got = np.array(features.histograms[column])
        assert got.sum() == 480
        assert np.abs(got - wanted).sum() <= 4, "but for values at the edge of a bin"
    assert features.histograms[2][0] == 480, "a constant feature"


def test_targets_are_counted_between_their_bounds(recording: Recording) -> None:
    counts, (_, y) = np.array(recording.facts.signals.targets.histogram), data()
    shares = np.histogram(y, bins=len(counts))[0] / 240
    assert counts.sum() >= 240, "not every batch is looked at"
    assert np.abs(counts / counts.sum() - shares).max() < 0.03


def test_values_that_are_not_finite_are_not_counted() -> None:
    from sgd_doctor.observe.histograms import KeptRows

    kept = KeptRows()
    kept.add(torch.tensor([[1.0], [torch.nan], [torch.inf], [2.0]]))
    assert sum(kept.histograms(torch.tensor([1.0]), torch.tensor([2.0]))[0]) == 2
    assert sum(kept.histograms(torch.tensor([torch.nan]), torch.tensor([2.0]))[0]) == 0


def test_many_features_are_sampled_evenly_and_few_rows_are_kept() -> None:
    from sgd_doctor.observe.histograms import COLUMNS, ROWS, KeptRows

    kept = KeptRows()
    kept.add(torch.randn(5000, 784))
    chosen = kept.positions()
    assert len(chosen) == COLUMNS
    assert {b - a for a, b in pairwise(chosen)} == {13, 14}
    assert kept.rows[0].shape[0] <= ROWS
