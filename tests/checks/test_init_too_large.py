"""init-too-large: weights of size 3 are named where they hurt."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.checks.cases import DATA, LOOP, diagnosed, fault, silent

NAME = "init-too-large"

MODEL = """
model = nn.Sequential(nn.Linear(10, 32), nn.{act}(), nn.Linear(32, 32), nn.{act}(), nn.Linear(32, 3))
{init}
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
"""
LOSS = LOOP.format(loss="F.cross_entropy(model(X[i]), three[i])")


def test_huge_weights_are_named(tmp_path: Path) -> None:
    init = "for p in model.parameters(): nn.init.normal_(p, 0, 3)  # here"
    fault(tmp_path, DATA + MODEL.format(act="ReLU", init=init) + LOSS, NAME)


OWN = """
class Mix(nn.Module):
    def __init__(self, size, width):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.empty(size, width)), nn.Parameter(torch.zeros(width))
        self.reset_parameters()

    def reset_parameters(self):
        nn.init.normal_(self.weight, 0.1)  # here

    def forward(self, x):
        return x @ self.weight + self.bias


model = nn.Sequential(Mix(10, 96), nn.ReLU(), Mix(96, 96), nn.ReLU(), Mix(96, 3))
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
"""


def test_huge_weights_of_layers_of_ones_own_are_named(tmp_path: Path) -> None:
    fault(tmp_path, DATA + OWN + LOSS, NAME)


NORMED = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.place = nn.Parameter(torch.randn(32) * 0.1)
        self.first, self.norm = nn.Linear(10, 32), nn.LayerNorm(32)
        self.second, self.last = nn.Linear(32, 32), nn.Linear(32, 3)

    def forward(self, x):
        return self.last(torch.relu(self.second(self.norm(torch.relu(self.first(x) + self.place)))))


model = Net()
for p in model.parameters():
    p.data.mul_(30)
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
"""


def test_everything_is_started_anew_where_everything_is_too_large(tmp_path: Path) -> None:
    """Layers with PyTorch's own weights are of no use behind a norm whose scale is 30."""
    report = diagnosed(tmp_path, DATA + NORMED + LOSS)
    assert [f.check for f in report.problems][:1] == [NAME]


HEALTHY = {
    "repaired": MODEL.format(act="ReLU", init="") + LOSS,
    "He": MODEL.format(act="ReLU", init="for m in model[::2]: nn.init.kaiming_normal_(m.weight)") + LOSS,
    "orthogonal": MODEL.format(act="Tanh", init="for m in model[::2]: nn.init.orthogonal_(m.weight)") + LOSS,
}


@pytest.mark.parametrize("kind", HEALTHY)
def test_healthy_pattern_is_left_in_peace(tmp_path: Path, kind: str) -> None:
    silent(tmp_path, DATA + HEALTHY[kind], NAME)
