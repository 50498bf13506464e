"""stale-optimizer: named where the live tensors are not in the optimizer, silent where they are left out on purpose."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.checks.cases import DATA, LOOP, fault, silent

NAME = "stale-optimizer"
NET = """
class Net(nn.Module):
    def __init__(self, out=2):
        super().__init__()
        self.a = nn.Linear(10, 32)
        self.fc = nn.Linear(32, out)

    def forward(self, x):
        return self.fc(self.a(x).relu())
"""
TRAIN = LOOP.format(loss="F.cross_entropy(model(X[i]), two[i])")
BUILD = "optimizer = torch.optim.SGD(model.parameters(), lr=0.3)"
BROKEN = {
    "model built again": f"\nmodel = Net()\n{BUILD}  # here\nmodel = Net()\n",
    "model copied": f"\nimport copy\nmodel = Net()\n{BUILD}  # here\nmodel = copy.deepcopy(model)\n",
    "built while nearly all was frozen": """
model = Net()
model.requires_grad_(False)
model.fc.bias.requires_grad = True
optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.3)  # here
model.requires_grad_(True)
""",
    "head replaced": f"\nmodel = Net(7)\n{BUILD}  # here\nmodel.fc = nn.Linear(32, 2)\n",
}


@pytest.mark.parametrize("kind", BROKEN)
def test_optimizer_of_other_tensors_is_named(tmp_path: Path, kind: str) -> None:
    found = fault(tmp_path, DATA + NET + BROKEN[kind] + TRAIN, NAME)
    assert found.proof is not None
    assert found.proof.treated is not None
    assert found.proof.treated < (found.proof.baseline or 0)


def test_repair_moves_the_optimizer_below_the_model(tmp_path: Path) -> None:
    pytest.importorskip("libcst")
    found = fault(tmp_path, DATA + NET + BROKEN["model built again"] + TRAIN, NAME)
    assert found.fix.verified
    assert found.fix.diff is not None


HEALTHY = {
    "repaired": DATA + NET + f"\nmodel = Net()\n{BUILD}\n" + TRAIN,
    "only the head (H10)": DATA
    + NET
    + "\nmodel = Net()\noptimizer = torch.optim.SGD(model.fc.parameters(), lr=0.3)\n"
    + TRAIN,
    "two optimizers": DATA
    + NET
    + """
model = Net()
first = torch.optim.SGD(model.a.parameters(), lr=0.1)
optimizer = torch.optim.SGD(model.fc.parameters(), lr=0.1)
for step in range(60):
    loss = F.cross_entropy(model(X[batch(step)]), two[batch(step)])
    first.zero_grad(); optimizer.zero_grad()
    loss.backward()
    first.step(); optimizer.step()
""",
    "network for a perceptual loss": DATA
    + NET
    + """
model, judge = nn.Linear(10, 10), Net()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for step in range(60):
    x = X[batch(step)]
    loss = F.mse_loss(judge(model(x)), judge(x).detach())
    optimizer.zero_grad(); loss.backward(); optimizer.step()
""",
    "one model for each fold (H43)": DATA
    + NET
    + """
for fold in range(3):
    model = Net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for step in range(15):
        loss = F.cross_entropy(model(X[batch(step)]), two[batch(step)])
        optimizer.zero_grad(); loss.backward(); optimizer.step()
""",
    "head that is not used yet": DATA
    + NET
    + """
model, later = Net(), nn.Linear(10, 2)
optimizer = torch.optim.SGD([*model.parameters(), *later.parameters()], lr=0.1)
"""
    + TRAIN,
}


@pytest.mark.parametrize("kind", HEALTHY)
def test_healthy_pattern_is_left_in_peace(tmp_path: Path, kind: str) -> None:
    silent(tmp_path, HEALTHY[kind], NAME)


def test_two_optimizers_of_the_same_model_are_named(tmp_path: Path) -> None:
    script = """
G = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 10))
D = nn.Sequential(nn.Linear(10, 16), nn.ReLU(), nn.Linear(16, 1))
og = torch.optim.Adam({held}.parameters(), 1e-3){mark}
od = torch.optim.Adam(D.parameters(), 1e-3)
one, zero = torch.ones(32, 1), torch.zeros(32, 1)
for step in range(60):
    fake = G(torch.randn(32, 4))
    d = F.binary_cross_entropy_with_logits(D(X[batch(step)]), one)
    d = d + F.binary_cross_entropy_with_logits(D(fake.detach()), zero)
    od.zero_grad(); d.backward(); od.step()
    g = F.binary_cross_entropy_with_logits(D(fake), one)
    og.zero_grad(); g.backward(); og.step()
"""
    fault(tmp_path, DATA + script.format(held="D", mark="  # here"), NAME)


STAGES = """
model = Net(2)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
{loop}
for parameter in model.a.parameters():
    parameter.requires_grad_(False)
optimizer = torch.optim.SGD(model.fc.parameters(), lr=0.1)  # here
model.fc = nn.Linear(32, 3)
{again}
"""


def test_optimizer_of_a_later_stage_that_holds_the_old_head_is_named(tmp_path: Path) -> None:
    again = LOOP.format(loss="F.cross_entropy(model(X[i]), three[i])")
    found = fault(tmp_path, DATA + NET + STAGES.format(loop=TRAIN, again=again), NAME, steps=240)
    assert "at its 120 steps" in found.evidence[0].text
    assert found.proof is not None
    assert found.proof.treated is not None
    assert found.proof.treated < (found.proof.baseline or 0)
