"""softmax-wrong-dim: named where samples compete, silent where classes do."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.checks.cases import DATA, LOOP, fault, silent

NAME = "softmax-wrong-dim"
MODEL = """
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 3){more})
optimizer = torch.optim.SGD(model.parameters(), lr=0.3)
"""
BROKEN = {
    "function": MODEL.format(more="")
    + LOOP.format(loss="F.nll_loss(F.log_softmax(model(X[i]), dim=0), three[i])  # here"),
    "module": MODEL.format(more=", nn.LogSoftmax(0)  # here\n") + LOOP.format(loss="F.nll_loss(model(X[i]), three[i])"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_softmax_over_the_batch_is_named(tmp_path: Path, kind: str) -> None:
    found = fault(tmp_path, DATA + BROKEN[kind], NAME)
    assert found.proof is not None
    assert found.proof.treated is not None
    assert found.proof.baseline is None or found.proof.treated < found.proof.baseline


def test_repair_sets_the_dimension(tmp_path: Path) -> None:
    pytest.importorskip("libcst")
    found = fault(tmp_path, DATA + BROKEN["function"], NAME)
    assert found.fix.verified
    assert "dim=1" in (found.fix.diff or "")


POOL = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.score, self.out = nn.Linear(1, 16), nn.Linear(16, 1), nn.Linear(16, 1)

    def forward(self, x):
        h = torch.tanh(self.embed(x))
        weights = torch.softmax(3 * self.score(h), dim={dim})  # here
        return self.out((weights * h).sum({over}))[:, 0]

model = Net()
optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
largest = X.max(1).values
for step in range(250):
    i = batch(step)
    loss = F.mse_loss(model({x}), largest[i])
    optimizer.zero_grad(); loss.backward(); optimizer.step()
"""


def test_attention_over_the_batch_is_named(tmp_path: Path) -> None:
    found = fault(tmp_path, DATA + POOL.format(x="X[i][:, :, None]", dim=0, over=1), NAME, steps=250)
    assert found.fix.verified


HEALTHY = {
    "repaired (H16)": MODEL.format(more="")
    + LOOP.format(loss="F.nll_loss(F.log_softmax(model(X[i]), dim=1), three[i])"),
    "last dimension": MODEL.format(more=", nn.LogSoftmax(-1)") + LOOP.format(loss="F.nll_loss(model(X[i]), three[i])"),
    "pixels": """
model = nn.Conv1d(1, 3, 3, padding=1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
"""
    + LOOP.format(loss="F.nll_loss(model(X[i, None]).log_softmax(1), (X[i] > 0).long())"),
    "attention over positions": """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.q, self.out = nn.Linear(1, 1), nn.Linear(1, 3)

    def forward(self, x):
        x = x[:, :, None]
        return self.out((self.q(x).softmax(1) * x).sum(1))

model = Net()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
"""
    + LOOP.format(loss="F.cross_entropy(model(X[i]), three[i])"),
    "attention with time first": POOL.format(x="X[i].T[:, :, None]", dim=0, over=0),
    "focal": MODEL.format(more="")
    + LOOP.format(loss="F.nll_loss((1 - model(X[i]).softmax(1)) ** 2 * model(X[i]).log_softmax(1), three[i])"),
}


@pytest.mark.parametrize("kind", HEALTHY)
def test_healthy_pattern_is_left_in_peace(tmp_path: Path, kind: str) -> None:
    silent(tmp_path, DATA + HEALTHY[kind], NAME)
