"""sign-flipped: named where the error grows, silent for losses that are negative by design."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.checks.cases import DATA, LOOP, fault, silent

NAME = "sign-flipped"
MODEL = """
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1{more})
"""
BROKEN = {
    "minus": ("", "-F.cross_entropy(model(X[i]), three[i])  # here"),
    "times -1": ("", "-1.0 * F.cross_entropy(model(X[i]), three[i])  # here"),
    "by hand": ("", "model(X[i]).log_softmax(1).gather(1, three[i, None]).mean()  # here"),
    "squares by hand": ("", "-((model(X[i]) - X[i, :3]) ** 2).mean()  # here"),
    "sizes by hand": ("", "(X[i, :3] - model(X[i])).abs().mean().neg()  # here"),
    "one minus": ("", "1 - F.mse_loss(model(X[i]), X[i, :3])  # here"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_maximised_loss_is_named(tmp_path: Path, kind: str) -> None:
    more, loss = BROKEN[kind]
    found = fault(tmp_path, DATA + MODEL.format(more=more) + LOOP.format(loss=loss), NAME)
    assert found.proof is not None
    assert found.proof.treated is not None
    assert found.proof.baseline is None or found.proof.treated < found.proof.baseline


def test_optimizer_that_maximises_is_named(tmp_path: Path) -> None:
    model = MODEL.format(more=", maximize=True").replace("True)", "True)  # here")
    fault(tmp_path, DATA + model + LOOP.format(loss="F.cross_entropy(model(X[i]), three[i])"), NAME)


PARTED = """
body, head = nn.Sequential(nn.Linear(10, 32), nn.ReLU()), nn.Linear(32, 3)
first, second = torch.optim.SGD(body.parameters(), lr=0.1), torch.optim.Adam(head.parameters(), lr=0.01)
for step in range(120):
    i = batch(step)
    loss = F.cross_entropy(head(body(X[i])), three[i])
    first.zero_grad(); second.zero_grad()
    (-loss).backward()  # here
    first.step(); second.step()
"""
BY_HAND = """
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 3))
for step in range(120):
    i = batch(step)
    loss = -F.cross_entropy(model(X[i]), three[i])  # here
    model.zero_grad()
    loss.backward()
    with torch.no_grad():
        for p in model.parameters():
            p -= 0.1 * p.grad
"""


@pytest.mark.parametrize("script", [PARTED, BY_HAND], ids=["two optimizers", "updates by hand"])
def test_maximised_loss_of_several_updates_is_named(tmp_path: Path, script: str) -> None:
    found = fault(tmp_path, DATA + script, NAME)
    assert found.proof is not None


VAE = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = nn.Linear(10, 8), nn.Linear(4, 10)

    def forward(self, x):
        mean, spread = self.encoder(x).chunk(2, 1)
        return self.decoder(mean + torch.randn_like(mean) * (spread / 2).exp()), mean, spread


def error(out, mean, spread, x):
    fit = F.mse_loss(out, x, reduction="sum")
    kl = {sign}0.5 * torch.sum(1 + spread - mean.pow(2) - spread.exp())  # here
    return (fit + kl) / len(x)


model = Net()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
"""


def test_one_term_with_the_wrong_sign_is_named(tmp_path: Path) -> None:
    script = DATA + VAE.format(sign="") + LOOP.format(loss="error(*model(X[i]), X[i])").replace("120", "400")
    found = fault(tmp_path, script, NAME, steps=400)
    assert found.proof is not None


DENSITY = """
net = nn.Sequential(nn.Linear(10, 32), nn.Tanh(), nn.Linear(32, 2))
optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
y = X[:, :1] + 0.3 * torch.randn(400, 1)
for step in range(400):
    i = batch(step)
    mean, spread = net(X[i]).chunk(2, 1)
    loss = {sign}torch.distributions.Normal(mean, spread.clamp(-3, 3).exp()).log_prob(y[i]).mean()  # here
    optimizer.zero_grad(); loss.backward(); optimizer.step()
"""


def test_minimised_log_likelihood_is_named(tmp_path: Path) -> None:
    found = fault(tmp_path, DATA + DENSITY.format(sign=""), NAME, steps=400)
    assert found.fix.verified


CONTRASTIVE = """
pairs = torch.stack([torch.arange(400) % 20, (torch.arange(400) * 7 + 1) % 20], 1)
left, right = nn.Embedding(20, 16), nn.Embedding(20, 16)
optimizer = torch.optim.Adam([*left.parameters(), *right.parameters()], lr=0.02)
for step in range(140):
    a, b = pairs[batch(step)].unbind(1)
    other = torch.randint(0, 20, (len(a), 4))
    near = F.logsigmoid((left(a) * right(b)).sum(1))
    far = F.logsigmoid(-(right(other) @ left(a).unsqueeze(2)).squeeze(2)).sum(1)
    loss = -(near + far).mean()
    optimizer.zero_grad()
    ({sign}loss).backward()  # here
    optimizer.step()
"""


def test_minus_before_a_contrastive_loss_is_named_after_few_steps(tmp_path: Path) -> None:
    fault(tmp_path, DATA + CONTRASTIVE.format(sign="-"), NAME, steps=140)


HEALTHY = {
    "contrastive": CONTRASTIVE.format(sign=""),
    "negative log-likelihood": DENSITY.format(sign="-"),
    "VAE": VAE.format(sign="-") + LOOP.format(loss="error(*model(X[i]), X[i])"),
    "repaired": MODEL.format(more="") + LOOP.format(loss="F.cross_entropy(model(X[i]), three[i])"),
    "two signs": MODEL.format(more=", maximize=True") + LOOP.format(loss="-F.cross_entropy(model(X[i]), three[i])"),
    "log-likelihood (H19)": MODEL.format(more="")
    + LOOP.format(loss="-model(X[i]).log_softmax(1).gather(1, three[i, None]).mean()"),
    "policy gradient (H19)": MODEL.format(more="")
    + LOOP.format(loss="-(-F.cross_entropy(model(X[i]), three[i], reduction='none') * X[i, 0].sign()).mean()"),
    "likelihood by cross-entropy (H20)": MODEL.format(more="")
    + LOOP.format(loss="-(-F.cross_entropy(model(X[i]), three[i]))"),
}


@pytest.mark.parametrize("kind", HEALTHY)
def test_healthy_pattern_is_left_in_peace(tmp_path: Path, kind: str) -> None:
    silent(tmp_path, DATA + HEALTHY[kind], NAME)
