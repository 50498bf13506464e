"""unregistered-params: named where lists and plain tensors hide weights, silent where nothing was meant to learn."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.checks.cases import DATA, LOOP, advised, fault, silent

NAME = "unregistered-params"
TRAIN = """
optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
""" + LOOP.format(loss="F.cross_entropy(model(X[i]), hard[i])")
LIST = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = {layers}
        self.out = nn.Linear(8, 2)

    def forward(self, x):
        for layer in {each}:
            x = layer(x).relu()
        return self.out(x)

model = Net()
"""
BROKEN = {
    "list": LIST.format(layers="[nn.Linear(10, 64), nn.Linear(64, 8)]  # here", each="self.layers"),
    "dict": LIST.format(layers="{'a': nn.Linear(10, 64), 'b': nn.Linear(64, 8)}  # here", each="self.layers.values()"),
    "plain tensor": """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.w = (torch.randn(10, 64) / 3).requires_grad_()  # here
        self.v = (torch.randn(64, 8) / 8).requires_grad_()
        self.out = nn.Linear(8, 2)

    def forward(self, x):
        return self.out(((x @ self.w).relu() @ self.v).relu())

model = Net()
""",
}


@pytest.mark.parametrize("kind", BROKEN)
def test_weights_that_nobody_holds_are_named(tmp_path: Path, kind: str) -> None:
    found = fault(tmp_path, DATA + BROKEN[kind] + TRAIN, NAME)
    assert found.proof is not None
    assert found.proof.treated is not None
    assert found.proof.treated < (found.proof.baseline or 0)


def test_repair_wraps_the_list(tmp_path: Path) -> None:
    pytest.importorskip("libcst")
    found = fault(tmp_path, DATA + BROKEN["list"] + TRAIN, NAME)
    assert found.fix.verified
    assert found.fix.diff is not None
    assert "nn.ModuleList(" in found.fix.diff


def test_weights_that_are_not_missed_are_advice(tmp_path: Path) -> None:
    script = (
        DATA
        + """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.shift = torch.zeros(1, requires_grad=True)
        self.out = nn.Linear(10, 2)

    def forward(self, x):
        return self.out(x) + self.shift

model = Net()
optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
"""
        + LOOP.format(loss="F.cross_entropy(model(X[i]), two[i])")
    )
    advised(tmp_path, script, NAME)


CALLED_BY_ITSELF = """
class Factors(nn.Module):
    def __init__(self):
        super().__init__()
        self.bias = nn.Embedding(20, 1)
        self.tables = {name: nn.Embedding(20, 4) for name in ("row", "column")}  # here

    def forward(self, row, column):
        return self.bias(row)[:, 0] + (self.tables["row"](row) * self.tables["column"](column)).sum(1)

    def size(self, row):
        return self.tables["row"](row).square().mean()

truth = torch.randn(20, 4) @ torch.randn(4, 20)
model = Factors()
optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
for step in range(80):
    i, j = torch.randint(0, 20, (2, 64))
    loss = F.mse_loss(model(i, j), truth[i, j]) + 1e-4 * model.size(i)
    optimizer.zero_grad(); loss.backward(); optimizer.step()
"""


def test_layers_in_a_dict_that_are_also_called_outside_of_the_model_are_named(tmp_path: Path) -> None:
    assert "self.tables" in fault(tmp_path, DATA + CALLED_BY_ITSELF, NAME).title


HEALTHY = {
    "repaired": DATA
    + LIST.format(layers="nn.ModuleList([nn.Linear(10, 64), nn.Linear(64, 8)])", each="self.layers")
    + TRAIN,
    "random features": DATA + BROKEN["plain tensor"].replace(".requires_grad_()", "") + TRAIN,
    "list that the optimizer is given": DATA
    + LIST.format(layers="[nn.Linear(10, 64), nn.Linear(64, 8)]", each="self.layers")
    + TRAIN.replace("model.parameters()", "[*model.parameters(), *(p for l in model.layers for p in l.parameters())]"),
    "input that requires a gradient": DATA
    + """
model = nn.Sequential(nn.Linear(1, 16), nn.Tanh(), nn.Linear(16, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
t = torch.linspace(0, 1, 40)[:, None].requires_grad_()
for step in range(60):
    u = model(t)
    slope, = torch.autograd.grad(u.sum(), t, create_graph=True)
    loss = (slope + u).pow(2).mean() + (u[0] - 1).pow(2).mean()
    optimizer.zero_grad(); loss.backward(); optimizer.step()
""",
    "tied weights (H32)": DATA
    + """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(10, 10)
        self.again = [self.a, self.a]

    def forward(self, x):
        for layer in self.again:
            x = layer(x).tanh()
        return x[:, :2]

model = Net()
"""
    + TRAIN,
}


@pytest.mark.parametrize("kind", HEALTHY)
def test_healthy_pattern_is_left_in_peace(tmp_path: Path, kind: str) -> None:
    silent(tmp_path, HEALTHY[kind], NAME)
