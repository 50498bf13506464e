"""final-activation-range: an activation that cannot reach the targets is named, one that can is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.checks.cases import DATA, LOOP, fault, silent

NAME = "final-activation-range"

NET = """
y = {target}
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, {outputs}), {last})  # here
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
"""
MSE = LOOP.format(loss="F.mse_loss(model(X[i]), y[i])")
CE = LOOP.format(loss="F.cross_entropy(model(X[i]), y[i])")


def test_relu_before_negative_targets_is_named(tmp_path: Path) -> None:
    fault(tmp_path, DATA + NET.format(target="X[:, :1] - X[:, 1:2]", outputs=1, last="nn.ReLU()") + MSE, NAME)


def test_sigmoid_before_large_targets_is_named(tmp_path: Path) -> None:
    fault(tmp_path, DATA + NET.format(target="3 + X[:, :1]", outputs=1, last="nn.Sigmoid()") + MSE, NAME)


def test_tanh_before_cross_entropy_is_named(tmp_path: Path) -> None:
    fault(
        tmp_path, DATA + NET.format(target="three", outputs=3, last="nn.Tanh()").replace("lr=0.1", "lr=0.5") + CE, NAME
    )


IN_A_LOOP = """
y = X[:, :1] - X[:, 1:2]


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(10, 32), nn.Linear(32, 32), nn.Linear(32, 1)])

    def forward(self, x):
        for layer in self.layers:
            x = torch.relu(layer(x))  # here
        return x


model = Net()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
"""


def test_only_the_last_of_several_calls_of_a_line_is_taken_away(tmp_path: Path) -> None:
    # Without all of its activations the model is linear, like the targets are not.
    bent = IN_A_LOOP.replace("X[:, :1] - X[:, 1:2]", "X[:, :1].abs() - X[:, 1:2].abs() * 2")
    found = fault(tmp_path, DATA + bent + MSE, NAME)
    assert found.proof is not None
    assert found.proof.treated is not None
    assert found.proof.treated < 0.5 * (found.proof.baseline or 0)


HEALTHY = {
    "repaired": NET.format(target="X[:, :1] - X[:, 1:2]", outputs=1, last="nn.Identity()") + MSE,
    "ReLU for positive targets (H46)": NET.format(target="X[:, :1].abs() + 1", outputs=1, last="nn.ReLU()") + MSE,
    "sigmoid for shares": NET.format(target="X[:, :1].sigmoid()", outputs=1, last="nn.Sigmoid()") + MSE,
    "tanh for signs": NET.format(target="X[:, :1].tanh()", outputs=1, last="nn.Tanh()") + MSE,
    "hidden ReLU only": NET.format(target="three", outputs=3, last="nn.Identity()") + CE,
}


@pytest.mark.parametrize("kind", HEALTHY)
def test_healthy_pattern_is_left_in_peace(tmp_path: Path, kind: str) -> None:
    silent(tmp_path, DATA + HEALTHY[kind], NAME)
