"""constant-init: equal units are named, a last layer of zeros and an adapter are not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.checks.cases import DATA, LOOP, fault, silent

NAME = "constant-init"

MODEL = """
model = nn.Sequential(nn.Linear(10, 32), nn.{act}(), nn.Linear(32, 32), nn.{act}(), nn.Linear(32, 3))
{init}
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
"""
LOSS = LOOP.format(loss="F.cross_entropy(model(X[i]), three[i])")


def test_constant_weights_are_named(tmp_path: Path) -> None:
    init = "for p in model.parameters(): nn.init.constant_(p, 0.1)  # here"
    fault(tmp_path, DATA + MODEL.format(act="ReLU", init=init) + LOSS, NAME)


def test_zeros_everywhere_are_named(tmp_path: Path) -> None:
    init = "for p in model.parameters(): nn.init.zeros_(p)  # here"
    fault(tmp_path, DATA + MODEL.format(act="Tanh", init=init) + LOSS, NAME)


def test_zeros_that_gradients_reach_are_named(tmp_path: Path) -> None:
    """Behind a sigmoid every hidden unit puts out one half: the last layer learns, and then all units the same."""
    init = "for p in model.parameters(): nn.init.zeros_(p)  # here"
    model = MODEL.format(act="Sigmoid", init=init).replace("nn.Linear(32, 32), nn.Sigmoid(), ", "")
    fault(tmp_path, DATA + model + LOSS, NAME)


def test_symmetry_is_named_where_no_short_run_learns(tmp_path: Path) -> None:
    """The parity of eight signs takes good weights longer than the watched run, too."""
    init = "for p in model.parameters(): nn.init.constant_(p, 0.1)  # here"
    loop = LOOP.format(loss="F.cross_entropy(model(X[i]), (X[i, :8].prod(1) > 0).long())")
    fault(tmp_path, DATA + MODEL.format(act="ReLU", init=init) + loop, NAME)


HEALTHY = {
    "repaired": MODEL.format(act="ReLU", init="") + LOSS,
    "last layer of zeros (H25)": MODEL.format(act="ReLU", init="nn.init.zeros_(model[4].weight)") + LOSS,
    "low-rank adapter": """
class Adapted(nn.Module):
    def __init__(self):
        super().__init__()
        self.base = nn.Linear(10, 32).requires_grad_(False)
        self.a, self.b = nn.Linear(10, 4, bias=False), nn.Linear(4, 32, bias=False)
        nn.init.zeros_(self.b.weight)
        self.head = nn.Linear(32, 3)

    def forward(self, x):
        return self.head(torch.relu(self.base(x) + self.b(self.a(x))))


model = Adapted()
optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.1)
"""
    + LOSS,
}


@pytest.mark.parametrize("kind", HEALTHY)
def test_healthy_pattern_is_left_in_peace(tmp_path: Path, kind: str) -> None:
    silent(tmp_path, DATA + HEALTHY[kind], NAME)
