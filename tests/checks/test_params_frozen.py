"""params-frozen: named where the head cannot learn, silent for the usual ways to fine-tune."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.checks.cases import DATA, LOOP, fault, silent

NAME = "params-frozen"
MODEL = """
model = nn.Sequential(
    nn.Linear(10, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 2)
)
"""
TRAIN = """
optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.1)
""" + LOOP.format(loss="F.cross_entropy(model(X[i]), two[i])")


def test_frozen_head_is_named(tmp_path: Path) -> None:
    freeze = """
for name, p in model.named_parameters():
    if p.dim() > 1 or name.startswith("6"):
        p.requires_grad = False  # here
"""
    found = fault(tmp_path, DATA + MODEL + freeze + TRAIN, NAME)
    assert found.proof is not None
    assert found.proof.treated is not None
    assert found.proof.treated < (found.proof.baseline or 0)


def test_frozen_head_behind_a_live_body_is_named(tmp_path: Path) -> None:
    script = """
ten = torch.bucketize(X[:, :3].sum(1), torch.linspace(-2.2, 2.2, 9))
model = nn.Sequential(nn.Linear(10, 24), nn.ReLU(), nn.Linear(24, 10))
for p in model[2].parameters():
    p.requires_grad = False  # here
optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=0.01)
""" + LOOP.format(loss="F.cross_entropy(model(X[i]), ten[i])")
    fault(tmp_path, DATA + script, NAME, steps=120)


LOW_RANK = """
class LowRank(nn.Module):
    def __init__(self, base, rank=2):
        super().__init__()
        self.base = base
        self.a = nn.Parameter(torch.randn(rank, base.in_features) / 4)
        self.b = nn.Parameter(torch.zeros(base.out_features, rank))

    def forward(self, x):
        return self.base(x) + x @ self.a.T @ self.b.T

model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 2))
first = torch.optim.Adam(model.parameters(), lr=0.01)
for step in range(40):
    loss = F.cross_entropy(model(X[batch(step)]), two[batch(step)])
    first.zero_grad(); loss.backward(); first.step()
for p in model.parameters():
    p.requires_grad = False
model[0] = LowRank(model[0])
"""
HEALTHY = {
    "repaired": DATA + MODEL + TRAIN,
    "frozen backbone (H10)": DATA + MODEL + "\nfor p in model[:6].parameters():\n    p.requires_grad = False\n" + TRAIN,
    "adapters in a trained model": DATA + LOW_RANK + TRAIN.replace("two[i]", "hard[i]"),
    "frozen network that judges": DATA
    + """
judge = nn.Sequential(nn.Linear(10, 64), nn.ReLU(), nn.Linear(64, 8)).requires_grad_(False)
model = nn.Linear(10, 10)
optimizer = torch.optim.SGD(model.parameters(), lr=0.001)
"""
    + LOOP.format(loss="F.mse_loss(judge(model(X[i])), judge(X[i]))"),
    "frozen normalisation (H13)": DATA + MODEL + "\nfor k in (1, 4):\n    model[k].requires_grad_(False)\n" + TRAIN,
}


@pytest.mark.parametrize("kind", HEALTHY)
def test_healthy_pattern_is_left_in_peace(tmp_path: Path, kind: str) -> None:
    silent(tmp_path, HEALTHY[kind], NAME, steps=80)
