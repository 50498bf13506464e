"""graph-detached: named where nothing reaches the parameters, silent where cutting the graph is meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.checks.cases import DATA, LOOP, fault, silent

NAME = "graph-detached"
MODEL = """
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 2))
optimizer = torch.optim.SGD(model.parameters(), lr=0.3)
"""
BROKEN = {
    "detach": "out = model(X[i]).detach().requires_grad_()  # here",
    "data": "out = model(X[i]).data.requires_grad_()  # here",
    "numpy": "out = torch.tensor(model(X[i]).detach().numpy(), requires_grad=True)  # here",
    "no_grad": "with torch.no_grad():\n        out = model(X[i])  # here\n    out.requires_grad_()",
}
STEP = """
for step in range(120):
    i = batch(step)
    {out}
    loss = F.cross_entropy(out, two[i])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""


@pytest.mark.parametrize("kind", BROKEN)
def test_whole_model_that_is_cut_off_is_named(tmp_path: Path, kind: str) -> None:
    found = fault(tmp_path, DATA + MODEL + STEP.format(out=BROKEN[kind]), NAME)
    if kind in ("detach", "data"):
        assert found.proof is not None
        assert found.proof.treated is not None
        assert found.proof.treated < (found.proof.baseline or 0)


HALVES = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(10, 64), nn.ReLU(), nn.Linear(64, 4), nn.Tanh())
        self.head = nn.Linear(4, 2)

    def forward(self, x):
        z = self.encoder(x){cut}
        return self.head(z)

model = Net()
optimizer = torch.optim.Adam(model.{held}parameters(), lr=0.02)
"""


def test_half_of_the_model_that_is_cut_off_is_named(tmp_path: Path) -> None:
    script = (
        DATA
        + HALVES.format(cut=".detach()  # here", held="")
        + LOOP.format(loss="F.cross_entropy(model(X[i]), hard[i])")
    )
    found = fault(tmp_path, script, NAME)
    assert found.proof is not None


WITHIN = HALVES.replace("z = self.encoder(x){cut}", "with torch.no_grad():\n            z = self.encoder(x){cut}")


def test_part_of_the_model_under_no_grad_is_named(tmp_path: Path) -> None:
    script = DATA + WITHIN.format(cut="  # here", held="") + LOOP.format(loss="F.cross_entropy(model(X[i]), hard[i])")
    found = fault(tmp_path, script, NAME)
    assert found.proof is not None
    assert found.proof.treated is not None
    assert found.proof.treated < (found.proof.baseline or 0)


HEALTHY = {
    "frozen encoder under no_grad": DATA
    + WITHIN.format(cut="", held="head.")
    + LOOP.format(loss="F.cross_entropy(model(X[i]), two[i])"),
    "trained encoder under no_grad": DATA
    + WITHIN.format(cut="", held="")
    + "model.encoder.load_state_dict(model.encoder.state_dict())\n"
    + LOOP.format(loss="F.cross_entropy(model(X[i]), two[i])"),
    "repaired": DATA + MODEL + STEP.format(out="out = model(X[i])"),
    "frozen encoder (H11)": DATA
    + HALVES.format(cut=".detach()", held="head.")
    + LOOP.format(loss="F.cross_entropy(model(X[i]), two[i])"),
    "adversarial (H07)": DATA
    + """
G = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 10))
D = nn.Sequential(nn.Linear(10, 16), nn.ReLU(), nn.Linear(16, 1))
og, od = torch.optim.Adam(G.parameters(), 1e-3), torch.optim.Adam(D.parameters(), 1e-3)
one, zero = torch.ones(32, 1), torch.zeros(32, 1)
for step in range(60):
    fake = G(torch.randn(32, 4))
    d = F.binary_cross_entropy_with_logits(D(X[batch(step)]), one)
    d = d + F.binary_cross_entropy_with_logits(D(fake.detach()), zero)
    od.zero_grad(); d.backward(); od.step()
    g = F.binary_cross_entropy_with_logits(D(fake), one)
    og.zero_grad(); g.backward(); og.step()
""",
    "value targets (H40)": DATA
    + """
import copy
net = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 2))
target = copy.deepcopy(net)
optimizer = torch.optim.Adam(net.parameters(), 1e-3)
for step in range(60):
    i = batch(step)
    with torch.no_grad():
        goal = X[i, 0] + 0.5 * target(X[i]).max(1).values
    loss = F.smooth_l1_loss(net(X[i]).gather(1, two[i][:, None]).squeeze(1), goal)
    optimizer.zero_grad(); loss.backward(); optimizer.step()
    with torch.no_grad():
        for a, b in zip(target.parameters(), net.parameters()):
            a.lerp_(b, 0.05)
""",
    "carried state (H31)": DATA
    + """
rnn, head = nn.GRU(10, 16, batch_first=True), nn.Linear(16, 1)
optimizer = torch.optim.Adam([*rnn.parameters(), *head.parameters()], 1e-2)
h = torch.zeros(1, 4, 16)
for step in range(60):
    x = torch.randn(4, 5, 10)
    out, h = rnn(x, h.detach())
    loss = F.mse_loss(head(out).squeeze(2), x[:, :, 0])
    optimizer.zero_grad(); loss.backward(); optimizer.step()
""",
    "straight-through (H41)": DATA
    + """
enc, dec = nn.Linear(10, 8), nn.Linear(8, 10)
optimizer = torch.optim.Adam([*enc.parameters(), *dec.parameters()], 1e-2)
for step in range(60):
    x = X[batch(step)]
    soft = torch.sigmoid(enc(x))
    loss = F.mse_loss(dec(soft + (soft.round() - soft).detach()), x)
    optimizer.zero_grad(); loss.backward(); optimizer.step()
""",
    "gradients by autograd.grad": DATA
    + """
w = torch.zeros(10, requires_grad=True)
for step in range(60):
    i = batch(step)
    g, = torch.autograd.grad(F.binary_cross_entropy_with_logits(X[i] @ w, two[i].float()), [w])
    w.data -= 0.1 * g
""",
}


@pytest.mark.parametrize("kind", HEALTHY)
def test_healthy_pattern_is_left_in_peace(tmp_path: Path, kind: str) -> None:
    silent(tmp_path, HEALTHY[kind], NAME)


ADVERSARIAL = """
G = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 10))
D = nn.Sequential(nn.Linear(10, 16), nn.ReLU(), nn.Linear(16, 1))
og, od = torch.optim.Adam({held}.parameters(), 1e-3), torch.optim.Adam(D.parameters(), 1e-3)
one, zero = torch.ones(32, 1), torch.zeros(32, 1)
for step in range(60):
    fake = G(torch.randn(32, 4)){cut}
    d = F.binary_cross_entropy_with_logits(D(X[batch(step)]), one)
    d = d + F.binary_cross_entropy_with_logits(D(fake.detach()), zero)
    od.zero_grad(); d.backward(); od.step()
    g = F.binary_cross_entropy_with_logits(D(fake), one)
    og.zero_grad(); g.backward(); og.step()
"""


def test_generator_that_is_cut_off_is_named(tmp_path: Path) -> None:
    fault(tmp_path, DATA + ADVERSARIAL.format(held="G", cut=".detach()  # here"), NAME)


def test_second_phase_that_is_cut_off_is_named(tmp_path: Path) -> None:
    first = MODEL + LOOP.format(loss="F.cross_entropy(model(X[i]), two[i])").replace("range(120)", "range(40)")
    second = MODEL.replace("model", "head") + STEP.replace("model", "head").replace("backward()", "backward()  # here")
    script = DATA + first + second.format(out="out = head(X[i]).detach().requires_grad_()  # here")
    fault(tmp_path, script, NAME, steps=160)


EQUATION = """
model = nn.Sequential(nn.Linear(1, 24), nn.Tanh(), nn.Linear(24, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
for step in range(120):
    t = torch.rand(64, 1).requires_grad_()
    u = model(t)
    slope = torch.autograd.grad(u.sum(), t, {graph}=True)[0]  # here
    loss = (slope + 3 * u).square().mean() + (model(torch.zeros(1, 1)) - 1).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""


def test_derivative_without_a_graph_is_named_and_mended(tmp_path: Path) -> None:
    found = fault(tmp_path, DATA + EQUATION.format(graph="retain_graph"), NAME, steps=120)
    assert found.fix.diff is not None
    assert "create_graph=True" in found.fix.diff


def test_derivative_with_its_graph_is_left_in_peace(tmp_path: Path) -> None:
    silent(tmp_path, DATA + EQUATION.format(graph="create_graph"), NAME, steps=120)
