"""nan-from-op: log of 0 and the gradient of sqrt at 0 are named, divergence is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.checks.cases import DATA, LOOP, fault, silent

NAME = "nan-from-op"

NET = """
net = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, {outputs}))
optimizer = torch.optim.{optimizer}
"""
PAIRS = """
for step in range(120):
    i, j = torch.randint(0, 30, (64,)), torch.randint(0, 30, (64,))
    a, b = net(X[i]), net(X[j])
    distance = torch.sqrt(((a - b) ** 2).sum(1){more}){mark}
    same = (three[i] == three[j]).float()
    loss = (same * distance**2 + (1 - same) * torch.relu(2 - distance) ** 2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""
STEEP = LOOP.replace("    loss =", "    p = torch.sigmoid(400 * net(X[i])[:, 0])\n    loss =")
ADAM = "Adam(net.parameters(), lr=0.003)"
BY_HAND = "-(two[i] * torch.log(p{more}) + (1 - two[i]) * torch.log(1 - p{more})).mean(){mark}"


def test_gradient_of_sqrt_at_zero_is_named(tmp_path: Path) -> None:
    script = NET.format(outputs=4, optimizer=ADAM) + PAIRS.format(more="", mark="  # here")
    found = fault(tmp_path, DATA + script, NAME)
    assert "gradient" in found.title
    assert found.proof is not None
    assert found.proof.treated is not None


def test_log_of_zero_is_named(tmp_path: Path) -> None:
    script = NET.format(outputs=1, optimizer=ADAM) + STEEP.format(loss=BY_HAND.format(more="", mark="  # here"))
    found = fault(tmp_path, DATA + script, NAME)
    assert "torch.log" in found.title


HEALTHY = {
    "small constant": NET.format(outputs=4, optimizer=ADAM) + PAIRS.format(more=" + 1e-8", mark=""),
    "log of something positive": NET.format(outputs=1, optimizer=ADAM)
    + STEEP.replace("400 *", "1 *").format(loss=BY_HAND.format(more=" * 0.98 + 0.01", mark="")),
    "divergence": NET.format(outputs=3, optimizer="SGD(net.parameters(), lr=1e6)")
    + LOOP.format(loss="F.mse_loss(net(X[i]), X[i, :3])"),
}


HEALTHY["attention in a run that diverges"] = """
net = nn.TransformerEncoderLayer(10, 2, 16, dropout=0.0, batch_first=True, norm_first=True)
optimizer = torch.optim.SGD(net.parameters(), lr=1e4)
""" + LOOP.format(loss="F.mse_loss(net(X[i][:, None])[:, 0], X[i])")


@pytest.mark.parametrize("kind", HEALTHY)
def test_healthy_pattern_is_left_in_peace(tmp_path: Path, kind: str) -> None:
    silent(tmp_path, DATA + HEALTHY[kind], NAME)
