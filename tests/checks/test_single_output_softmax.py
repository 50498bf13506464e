"""single-output-softmax: named where softmax can only be 1, silent for attention and real classes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.checks.cases import DATA, LOOP, fault, silent

NAME = "single-output-softmax"
MODEL = """
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, {out}), {last})
optimizer = torch.optim.SGD(model.parameters(), lr=0.3)
"""
LOSSES = {
    "BCE": "F.binary_cross_entropy(model(X[i]), two[i, None].float())",
    "MSE": "F.mse_loss(model(X[i]), two[i, None].float())",
    "by hand": "((model(X[i]) - two[i, None]) ** 2).mean()",
}


@pytest.mark.parametrize("kind", LOSSES)
def test_softmax_over_one_output_is_named(tmp_path: Path, kind: str) -> None:
    script = DATA + MODEL.format(out=1, last="nn.Softmax(dim=1)  # here\n") + LOOP.format(loss=LOSSES[kind])
    found = fault(tmp_path, script, NAME)
    assert found.proof is not None
    assert found.proof.treated is not None
    assert found.proof.baseline is None or found.proof.treated < found.proof.baseline


HEALTHY = {
    "repaired": MODEL.format(out=1, last="nn.Sigmoid()") + LOOP.format(loss=LOSSES["BCE"]),
    "two outputs": MODEL.format(out=2, last="nn.LogSoftmax(dim=1)")
    + LOOP.format(loss="F.nll_loss(model(X[i]), two[i])"),
    "attention over one position": """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.q, self.v, self.out = nn.Linear(10, 1), nn.Linear(10, 16), nn.Linear(16, 2)

    def forward(self, x):
        x = x[:, None]
        return self.out((self.q(x).softmax(1) * self.v(x)).sum(1))

model = Net()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
"""
    + LOOP.format(loss="F.cross_entropy(model(X[i]), two[i])"),
}


@pytest.mark.parametrize("kind", HEALTHY)
def test_healthy_pattern_is_left_in_peace(tmp_path: Path, kind: str) -> None:
    silent(tmp_path, DATA + HEALTHY[kind], NAME)
