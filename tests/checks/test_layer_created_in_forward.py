"""layer-created-in-forward: named where new weights are drawn each call, silent for layers without, or built once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.checks.cases import DATA, LOOP, advised, fault, silent

NAME = "layer-created-in-forward"
NET = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(10, 32)
        self.mid = nn.Linear(32, 8)
        self.late = None
        self.b = nn.Linear(8, 2)

    def forward(self, x):
        x = self.a(x).relu()
        {lines}
        return self.b(x)

model = Net()
model(X[:2])
optimizer = torch.optim.SGD(model.parameters(), lr=0.3)
""" + LOOP.format(loss="F.cross_entropy(model(X[i]), two[i])")


@pytest.mark.parametrize(
    "lines", ["x = nn.Linear(32, 8)(x).relu()  # here", "self.mid = nn.Linear(32, 8)  # here\n        x = self.mid(x)"]
)
def test_new_weights_in_each_call_are_named(tmp_path: Path, lines: str) -> None:
    found = fault(tmp_path, DATA + NET.format(lines=lines), NAME)
    assert found.proof is not None
    assert found.proof.treated is not None
    assert found.proof.treated < (found.proof.baseline or 0)


def test_fresh_layer_norm_is_advice(tmp_path: Path) -> None:
    advised(tmp_path, DATA + NET.format(lines="x = self.mid(nn.LayerNorm(32)(x))"), NAME)


HEALTHY = {
    "repaired": "x = self.mid(x).relu()",
    "layers without weights": "x = nn.ReLU()(nn.Flatten()(self.mid(x)))",
    "container of own layers": "x = nn.Sequential(self.mid, nn.ReLU())(x)",
    "built on first use": "self.late = self.late or nn.Linear(32, 8)\n        x = self.late(x)",
    "checkpointed (H34)": "x = torch.utils.checkpoint.checkpoint(self.mid, x, use_reentrant=False)",
}


@pytest.mark.parametrize("kind", HEALTHY)
def test_healthy_pattern_is_left_in_peace(tmp_path: Path, kind: str) -> None:
    script = DATA.replace("import torch\n", "import torch\nimport torch.utils.checkpoint\n")
    silent(tmp_path, script + NET.format(lines=HEALTHY[kind]), NAME)
